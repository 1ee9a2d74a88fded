import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { linters, missing } from './installed.ts'

test('ESLint runs the rule on sagas', { skip: missing(linters) }, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'dure-eslint-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const plugin = join(import.meta.dirname, '../../packages/dure/src/lint/lint.ts')
  writeFileSync(
    join(folder, 'eslint.config.mjs'),
    `import dure from ${JSON.stringify(plugin)}\nexport default [{ plugins: { dure }, rules: { 'dure/saga-determinism': 'error' } }]\n`,
  )
  writeFileSync(
    join(folder, 'saga.js'),
    `saga('a', { run: async (s) => {
  await s.step('fine', async () => Date.now())
  return Date.now()
} })\n`,
  )
  const eslint = join(linters.folder, 'node_modules/eslint/bin/eslint.js')
  let said = ''
  try {
    execFileSync(process.execPath, [eslint, '--format', 'json', 'saga.js'], { cwd: folder, encoding: 'utf8', stdio: 'pipe' })
  } catch (error) {
    said = (error as { readonly stdout: string }).stdout
  }
  const [file] = JSON.parse(said) as [{ readonly messages: readonly { readonly ruleId: string; readonly line: number }[] }]
  assert.deepEqual(
    file.messages.map(({ ruleId, line }) => [ruleId, line]),
    [['dure/saga-determinism', 3]],
  )
})
