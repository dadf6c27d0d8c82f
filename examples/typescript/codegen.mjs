// Generates src/gql from the schema and the documents in the parent folder: types, typed documents, and the manifest of
// hashes. It calls the client preset directly. The command line of graphql-codegen takes the same settings in codegen.ts,
// but its schema loaders make up three quarters of the installation, and a single file needs none of them.

import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

import { preset } from '@graphql-codegen/client-preset'
import { codegen } from '@graphql-codegen/core'
import { buildSchema, parse } from 'graphql'

const here = (path) => new URL(path, import.meta.url)

const sdl = await readFile(here('../../schema.graphql'), 'utf8')
const schema = buildSchema(sdl)
const names = (await readdir(here('..'))).filter((name) => name.endsWith('.graphql')).sort()
const documents = await Promise.all(
  names.map(async (name) => {
    const rawSDL = await readFile(here(`../${name}`), 'utf8')
    return { location: name, rawSDL, document: parse(rawSDL) }
  }),
)

const config = {
  useTypeImports: true,
  emitLegacyCommonJSImports: false,
  enumsAsTypes: true,
  // A client must handle enum values that a newer server adds.
  futureProofEnums: true,
  strictScalars: true,
  scalars: {
    CountryCode: 'string',
    CurrencyCode: 'string',
    Date: '`${number}-${number}-${number}`',
    DateTime: 'string',
    LanguageTag: 'string',
    LocalTime: '`${number}:${number}`',
    // At most 2^53, which a number represents exactly.
    MinorUnits: 'number',
    Ppm: 'number',
    TimeZone: 'string',
  },
}

const sections = await preset.buildGeneratesSection({
  baseOutputDir: 'src/gql/',
  schema: parse(sdl),
  schemaAst: schema,
  documents,
  config,
  plugins: [],
  pluginMap: {},
  presetConfig: {
    fragmentMasking: { unmaskFunctionName: 'unmask' },
    persistedDocuments: { hashAlgorithm: 'sha256' },
  },
})

await rm(here('src/gql'), { recursive: true, force: true })
// Concurrently, because the manifest waits for the hashes that the generation of the documents produces.
await Promise.all(
  sections.map(async (section) => {
    const text = await codegen({ ...section, schemaAst: schema })
    await mkdir(dirname(here(section.filename).pathname), { recursive: true })
    await writeFile(here(section.filename), text)
  }),
)
