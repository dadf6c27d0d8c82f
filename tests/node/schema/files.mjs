// Reads the repository's files for these tests.

import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { buildSchema } from 'graphql'

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** The text of a file. The path is relative to the root of the repository. */
export const read = (path) => readFileSync(root + path, 'utf8')

/** The paths of a folder's files whose names have an ending. */
export const list = (folder, end) =>
  readdirSync(root + folder).filter((name) => name.endsWith(end)).sort().map((name) => `${folder}/${name}`)

/** The committed schema. tests/api/contract.rs checks that it equals the served schema. */
export const schema = buildSchema(read('schema.graphql'))
