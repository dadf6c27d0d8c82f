// Every link of the pages leads somewhere, and every path that they name is there. Links to other sites are not followed.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'

import { anchors, below, blocks, links, named, paths, read, root } from './pages.mjs'

// Written by the tests or the build, so they are not in the repository.
const MADE = ['playground/node_modules', 'examples/typescript/src/gql']

/** What is wrong with a link, if anything. */
function broken(page, target) {
  if (/^[a-z]+:/.test(target)) return /^(https?|mailto):/.test(target) ? undefined : 'an unknown scheme'
  const [file, anchor] = target.split('#')
  const to = file ? path.normalize(path.join(path.dirname(page), file)) : page
  if (to.startsWith('..')) return 'leaves the repository'
  if (!existsSync(root + to)) return 'there is no such file'
  if (anchor !== undefined && !anchors(read(to)).has(anchor)) return 'there is no such heading'
}

for (const page of paths()) {
  const text = read(page)
  test(`the links of ${page} lead somewhere`, () => {
    const wrong = links(text).map(({ line, target }) => [line, target, broken(page, target)])
    assert.deepEqual(wrong.filter(([, , what]) => what), [])
  })
  test(`the paths that ${page} names are there`, () => {
    const there = ({ path }) => existsSync(root + path) || MADE.some((made) => path === made || path.startsWith(`${made}/`))
    assert.deepEqual(named(text).filter((name) => !there(name)), [])
  })
}

for (const page of paths()) {
  const excerpts = blocks(read(page)).filter(({ from }) => from)
  if (excerpts.length === 0) continue
  test(`the excerpts in ${page} are in their files`, () => {
    assert.deepEqual(excerpts.filter(({ from, text }) => !read(from).includes(text)), [])
  })
}

/** The places of the source that a path such as `websocket::opening::a_test` can name: each file with its functions. */
const functions = (files) => files.map((file) => [`/${file.replace(/\.rs$/, '')}/`, new Set([...read(file).matchAll(/\bfn (\w+)\(/g)].map(([, name]) => name))])

/** Whether a function of this name is in a file whose path has all modules of the name. */
function isThere(places, name) {
  const modules = name.split('::')
  const own = modules.pop()
  const inFile = modules.filter((module) => module !== 'tests')
  return places.some(([file, names]) => names.has(own) && inFile.every((module) => file.includes(`/${module}/`)))
}

test('every test that a page of docs names is there, in the module that the page names', () => {
  const places = functions(below('src').concat(below('tests')).filter((name) => name.endsWith('.rs')))
  const tests = paths().filter((page) => page.startsWith('docs/')).flatMap((page) => [...read(page).matchAll(/`((?:\w+::)*\w+)`/g)].map(([, name]) => ({ page, name })))
    .filter(({ name }) => name.split('::').at(-1).split('_').length > 4 && name === name.toLowerCase())
  assert.ok(tests.length > 30, `only ${tests.length} tests are named`)
  assert.deepEqual(tests.filter(({ name }) => !isThere(places, name)), [])
})

test('what is broken is found', () => {
  assert.deepEqual(['docs', '#try-it', 'docs/limits.md#budgets', 'https://example.com'].map((target) => broken('README.md', target)), Array(4).fill(undefined))
  assert.equal(broken('README.md', 'docs/nowhere.md'), 'there is no such file')
  assert.equal(broken('docs/errors.md', 'limits.md#nowhere'), 'there is no such heading')
  assert.equal(broken('docs/errors.md', '../../elsewhere.md'), 'leaves the repository')
  assert.equal(broken('README.md', 'javascript:alert(1)'), 'an unknown scheme')
  const page = '# A `b` (c)\n[x](y.md) `[no](link)` and `src/nowhere.rs`\n\n```sh\n[no](link) # not a heading\n```\n# A `b` (c)\n'
  assert.deepEqual([...anchors(page)], ['a-b-c', 'a-b-c-1'])
  assert.deepEqual(links(page), [{ line: 2, target: 'y.md' }])
  assert.deepEqual(named(page), [{ line: 2, path: 'src/nowhere.rs' }])
  assert.equal(blocks(page)[0].text, '[no](link) # not a heading\n')
  const places = [['/tests/api/websocket/opening/', new Set(['a_test'])]]
  assert.deepEqual(['a_test', 'websocket::opening::a_test', 'tests::a_test'].filter((name) => !isThere(places, name)), [])
  assert.deepEqual(['websocket::closing::a_test', 'other_test'].filter((name) => isThere(places, name)), [])
  assert.ok(paths().includes('docs/limits.md') && paths().includes('.github/SECURITY.md'))
})
