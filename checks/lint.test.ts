import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { patternCode } from './layering/layering.ts'

const root = join(import.meta.dirname, '..')

/** Lints one file as if it stood at `path` in this repository; answers with the rules that fired. */
function lint(t: TestContext, path: string, text: string): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), 'dure-lint-'))
  t.after(() => rmSync(folder, { recursive: true }))
  copyFileSync(join(root, '.oxlintrc.json'), join(folder, '.oxlintrc.json'))
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
  const oxlint = join(root, 'node_modules', 'oxlint', 'bin', 'oxlint')
  let output: string
  try {
    output = execFileSync(process.execPath, [oxlint, '-f', 'json', path], { cwd: folder, encoding: 'utf8', stdio: 'pipe' })
  } catch (error) {
    output = (error as { readonly stdout: string }).stdout
  }
  const { diagnostics, number_of_files: files } = JSON.parse(output) as {
    readonly diagnostics: readonly { readonly code: string }[]
    readonly number_of_files: number
  }
  assert.equal(files, 1, 'the linter saw the file')
  return diagnostics.map(({ code }) => code)
}

const PATTERN = 'packages/dure/src/messaging/retry.ts'
const world: readonly { readonly text: string; readonly rule: RegExp }[] = [
  { text: 'export const now = Date.now()', rule: /no-restricted-properties/ },
  { text: 'export const chance = Math.random()', rule: /no-restricted-properties/ },
  { text: 'setTimeout(() => {}, 1)', rule: /no-restricted-globals/ },
  { text: 'globalThis.setTimeout(() => {}, 1)', rule: /no-restricted-globals/ },
  { text: 'setInterval(() => {}, 1)', rule: /no-restricted-globals/ },
  { text: 'setImmediate(() => {})', rule: /no-restricted-globals/ },
  { text: 'export const now = performance.now()', rule: /no-restricted-globals/ },
  { text: 'export const id = crypto.randomUUID()', rule: /no-restricted-globals/ },
  { text: 'process.exit(1)', rule: /no-restricted-globals/ },
  { text: "await fetch('http://localhost')", rule: /no-restricted-globals/ },
  { text: "console.log('x')", rule: /no-console/ },
  { text: "import { randomUUID } from 'node:crypto'\nexport const id = randomUUID()", rule: /no-restricted-imports/ },
  { text: "import { connect } from 'node:net'\nexport const socket = connect(1)", rule: /no-restricted-imports/ },
  { text: "import { readFileSync } from 'node:fs'\nexport const text = readFileSync('x')", rule: /no-restricted-imports/ },
  { text: "import { readFileSync } from 'fs'\nexport const text = readFileSync('x')", rule: /no-restricted-imports/ },
  { text: "import { createServer } from 'node:http'\nexport const server = createServer()", rule: /no-restricted-imports/ },
  { text: "import { setTimeout as sleep } from 'node:timers/promises'\nawait sleep(1)", rule: /no-restricted-imports/ },
]

for (const { text, rule } of world) {
  test(`pattern code may not say: ${text.split('\n')[0]}`, (t) => {
    const fired = lint(t, PATTERN, `${text}\n`)
    assert.equal(fired.filter((code) => rule.test(code)).length, 1, `fired: ${fired.join(', ')}`)
  })
}

test('runtime, adapters and tests may; a hash is not chance', (t) => {
  const text = `export const now = Date.now()\nsetTimeout(() => {}, 1)\n`
  for (const path of [
    'packages/dure/src/runtime/clock.ts',
    'packages/dure/src/data/sqlite-file/lock.ts',
    'packages/dure/src/messaging/embedded/file.ts',
    'packages/dure/src/messaging/retry.test.ts',
  ])
    assert.deepEqual(lint(t, path, text), [], path)
  assert.deepEqual(lint(t, PATTERN, `import { createHash } from 'node:crypto'\nexport const hash = createHash('sha256')\n`), [])
})

test('`any` is an error everywhere, and so is a default export but for a system, which tools load by its path', (t) => {
  assert.match(lint(t, 'examples/shop/main.ts', 'export const x = (y: any): unknown => y\n').join(), /no-explicit-any/)
  assert.match(lint(t, 'examples/shop/main.ts', 'export default 1\n').join(), /no-default-export/)
  assert.deepEqual(lint(t, 'examples/shop/system.ts', 'export default 1\n'), [])
})

test('the linter and the layering check exempt the same folders', () => {
  const config = JSON.parse(readFileSync(join(root, '.oxlintrc.json'), 'utf8')) as {
    readonly overrides: readonly { readonly files: readonly string[]; readonly excludeFiles: readonly string[] }[]
  }
  const override = config.overrides.find(({ files }) => files.includes(`${patternCode.in}**/*.ts`))
  assert.ok(override)
  assert.deepEqual(
    override.excludeFiles.filter((glob) => glob.startsWith('packages/')),
    patternCode.except.map((folder) => `${folder}**`),
  )
})

test('a function of more than 120 lines of code is an error, and the files that may still have one do', (t) => {
  const long = `export function long(): void {\n${'  work()\n'.repeat(120)}}\n`
  assert.match(lint(t, 'examples/shop/main.ts', long).join(), /max-lines-per-function/)
  assert.deepEqual(lint(t, 'examples/shop/main.test.ts', long), [])
  assert.deepEqual(lint(t, 'examples/shop/main.ts', long.replaceAll('work()', '// work()')), [])
  const config = JSON.parse(readFileSync(join(root, '.oxlintrc.json'), 'utf8')) as {
    readonly overrides: readonly { readonly files: readonly string[]; readonly rules: Readonly<Record<string, unknown>> }[]
  }
  const exempt = config.overrides.filter(({ rules }) => 'max-lines-per-function' in rules).flatMap(({ files }) => files)
  for (const path of exempt.filter((file) => !file.startsWith('**'))) {
    const fired = lint(t, `elsewhere/${path}`, readFileSync(join(root, path), 'utf8'))
    assert.ok(
      fired.some((code) => code.includes('max-lines-per-function')),
      `"${path}" has no long function: take it out of .oxlintrc.json`,
    )
  }
})
