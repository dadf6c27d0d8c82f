// The repository's files, as these tests read them.

import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { buildSchema } from 'graphql'

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** The text of a file, by its path from the root of the repository. */
export const read = (path) => readFileSync(root + path, 'utf8')

/** The paths of a folder's files that end so. */
export const list = (folder, end) =>
  readdirSync(root + folder).filter((name) => name.endsWith(end)).sort().map((name) => `${folder}/${name}`)

/** The schema as it is committed; tests/api/contract.rs holds it to what is served. */
export const schema = buildSchema(read('schema.graphql'))
