// Runs the blocks of shell commands in the pages against a server with the demonstration, and compares what they print with
// the answers that the pages show.
//
// The blocks of one page run in one shell, in order. `roost` is the program that ROOST_BIN names, and the address
// 127.0.0.1:8000 is that of ROOST_URL. A block that is not to be run says why, in a comment before it: see pages.mjs.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { blocks, paths, read } from './pages.mjs'

const { ROOST_BIN, ROOST_URL } = process.env
assert.ok(ROOST_BIN && ROOST_URL, 'ROOST_BIN is the program, ROOST_URL its server with the demonstration')

const LIMIT_MS = 60_000
const SHELLS = ['sh', 'shell', 'bash', 'console']

/** Blocks of commands, each with the answer that the page shows right after it. */
function commands(text) {
  const all = blocks(text)
  return all.flatMap((block, at) => {
    if (!SHELLS.includes(block.language)) return []
    const next = all[at + 1]
    return [{ ...block, answer: !block.notRun && next?.language === 'json' ? next.text : undefined }]
  })
}

/** The keys of JSON objects in a text, however much else is in it. */
const keys = (text) => new Set([...text.matchAll(/"(\w+)":/g)].map(([, key]) => key))

/** What is wrong with what a block printed, if anything. */
function judge({ answer }, printed) {
  if (/"errors":\s*\[/.test(printed)) return 'the answer has errors'
  if (/"userErrors":\s*\[\s*\{/.test(printed)) return 'the answer has userErrors'
  const missing = [...keys(answer ?? '')].filter((key) => !keys(printed).has(key))
  if (missing.length > 0) return `the page shows ${missing.join(', ')}, which the answer does not have`
}

/** Runs the blocks of a page, and gives what each printed, and what the shell said in the end. */
function run(all, folder) {
  const script = all.map(({ line, text }) => `printf '\\n--- line ${line}\\n'\n${text}`).join('')
  const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` }
  const input = `set -eu\n${script.replaceAll(/(127\.0\.0\.1|localhost):8000/g, new URL(ROOST_URL).host)}`
  const { status, signal, stdout, stderr } = spawnSync('sh', { cwd: folder, encoding: 'utf8', env, input, timeout: LIMIT_MS })
  const parts = stdout.split(/^--- line (\d+)$/m).slice(1)
  const printed = new Map()
  for (let at = 0; at < parts.length; at += 2) printed.set(Number(parts[at]), parts[at + 1])
  return { end: status === 0 ? undefined : `the shell ended with ${signal ?? status}: ${stderr.trim()}`, printed }
}

const faults = []
let count = 0
const folder = mkdtempSync(path.join(tmpdir(), 'roost-docs-'))
try {
  symlinkSync(path.resolve(ROOST_BIN), path.join(folder, 'roost'))
  for (const page of paths()) {
    const all = commands(read(page)).filter(({ notRun }) => !notRun)
    if (all.length === 0) continue
    const { end, printed } = run(all, folder)
    const last = Math.max(0, ...printed.keys())
    for (const block of all) {
      const output = printed.get(block.line)
      const ended = block.line === last ? end : undefined
      const fault = output === undefined ? 'was not reached' : ended ?? judge(block, output)
      if (fault) faults.push(`${page}:${block.line}: ${fault}\n${(output ?? '').trim().slice(0, 2_000)}`)
    }
    count += all.length
    console.log(`${page}: ${all.length} blocks`)
  }
} finally {
  rmSync(folder, { recursive: true })
}
assert.deepEqual(faults, [], faults.join('\n\n'))
assert.ok(count >= 8, `only ${count} blocks were run`)
