// Compares docs/configuration.md with the settings that `roost --help` lists: names, flags and default values.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'

import { read } from './pages.mjs'

const { ROOST_BIN } = process.env
assert.ok(ROOST_BIN, 'ROOST_BIN is the program')

const help = execFileSync(ROOST_BIN, ['--help'], { encoding: 'utf8', env: {} })
const listed = [...help.matchAll(/^ +(--[\w-]+) <[^>]*>\n(?: {10}.*\n)*? {10}.*\[env: (\w+)(?:=)?\](?: \[default: (.*?)\])?$/gm)]
// A build without the feature test-clock does not list its setting.
const always = ({ variable }) => variable !== 'ROOST_TEST_CLOCK'
const settings = listed.map(([, flag, variable, standard]) => ({ variable, flag, standard: standard === '""' ? undefined : standard }))

// Where there is no default, the page says what happens then.
const rows = [...read('docs/configuration.md').matchAll(/^\| `(\w+)` \| `(--[\w-]+)` \| ([^|]+) \|/gm)]
const page = rows.map(([, variable, flag, cell]) => ({ variable, flag, standard: /^`([^`]*)`$/.exec(cell)?.[1] }))

const byName = (one, other) => one.variable.localeCompare(other.variable)
assert.ok(settings.length > 30, `only ${settings.length} settings were read from --help`)
assert.deepEqual(page.filter(always).sort(byName), settings.filter(always).sort(byName))
console.log(`docs/configuration.md: ${settings.length} settings`)
