// The pages that people read, and what stands in them: links, headings, paths and blocks of code.

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The folder of the repository; ends with a slash. */
export const root = fileURLToPath(new URL('../../', import.meta.url))

const FENCE = /^( *)(```+)(\w*)\s*$/
const NOT_RUN = /^ *<!-- not run: (.*\S) -->$/
const FROM = /^ *<!-- from (\S+) -->$/

/** The files of a folder and of those in it, by path from the root. */
export const below = (folder) =>
  readdirSync(root + folder, { withFileTypes: true })
    .filter(({ name }) => name !== 'node_modules')
    .flatMap((entry) => (entry.isDirectory() ? below(`${folder}/${entry.name}`) : [`${folder}/${entry.name}`]))

/** README.md, CONTRIBUTING and so on, and everything in docs, by path from the root. */
export function paths() {
  const top = readdirSync(root).filter((name) => name.endsWith('.md'))
  return [...top, ...below('.github'), ...below('docs')].filter((name) => name.endsWith('.md')).sort()
}

export const read = (path) => readFileSync(root + path, 'utf8')

/**
 * The blocks of code of a page. A comment `<!-- not run: the reason -->` right before a block, which readers do not see,
 * keeps it from being run. `<!-- from FILE -->` says that the block is an excerpt of that file.
 */
export function blocks(text) {
  const found = []
  let open
  let before = ''
  for (const [at, line] of text.split('\n').entries()) {
    const [, indent, ticks, language] = FENCE.exec(line) ?? []
    if (open && ticks === open.ticks && language === '') {
      found.push({ ...open, text: open.lines.join('\n') + '\n' })
      open = undefined
    } else if (open) {
      open.lines.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line)
    } else if (ticks) {
      open = { indent, ticks, language, line: at + 1, lines: [], notRun: NOT_RUN.exec(before)?.[1], from: FROM.exec(before)?.[1] }
    }
    before = line
  }
  if (open) throw new Error(`the block that begins in line ${open.line} does not end`)
  return found
}

/** The text without blocks of code, line by line, with the numbers of the lines. */
export function prose(text) {
  const inside = new Set(blocks(text).flatMap(({ line, lines }) => Array.from({ length: lines.length + 2 }, (_, at) => line + at)))
  return text.split('\n').map((line, at) => ({ line: at + 1, text: line })).filter(({ line }) => !inside.has(line))
}

/** The anchors that GitHub gives to the headings of a page. */
export function anchors(text) {
  const found = new Set()
  for (const { text: line } of prose(text)) {
    const [, heading] = /^#{1,6} (.*)$/.exec(line) ?? []
    if (heading === undefined) continue
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[`*]/g, '').trim().toLowerCase()
    const slug = plain.replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-')
    let name = slug
    for (let number = 1; found.has(name); number += 1) name = `${slug}-${number}`
    found.add(name)
  }
  return found
}

const withoutCode = (line) => line.replace(/`[^`]*`/g, '')

/** The targets of links and pictures. */
export const links = (text) =>
  prose(text).flatMap(({ line, text: words }) =>
    [...withoutCode(words).matchAll(/\]\(([^)\s]+)\)/g), ...withoutCode(words).matchAll(/^\[[^\]]+\]: (\S+)/g)].map(([, target]) => ({ line, target })),
  )

/** What stands in backticks and looks like a path of the repository. A path that ends in `*` or `…` is a pattern. */
export const named = (text) =>
  prose(text).flatMap(({ line, text: words }) =>
    [...words.matchAll(/`([^`]+)`/g)]
      .map(([, path]) => ({ line, path }))
      .filter(({ path }) => /^(\.ci|\.github|docs|examples|migration|playground|src|tests)\/[\w./-]*$/.test(path)),
  )
