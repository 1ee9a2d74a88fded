import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

const MAIN = join(import.meta.dirname, 'zombies', 'main.ts')

function zombies(...words: string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['--conditions=dure-source', MAIN, ...words], (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err })
    })
  })
}

/** One after the other, and not all of them: what runs beside needs the machine as well. */
const ROLES = ['group', 'command', 'supervisor']

test('whoever stands still in a role writes nothing when a successor has begun', { timeout: 300_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'dure-zombies-test-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const json = join(folder, 'seen.json')
  const { code, err } = await zombies(...ROLES, '--times', '2', '--json', json)
  assert.equal(code, 0, err)
  const { rows } = JSON.parse(readFileSync(json, 'utf8')) as { rows: { name: string; past: string[] }[] }
  assert.deepEqual(
    rows.map(({ name, past }) => [name, past]),
    ROLES.map((name) => [name, []]),
  )
})

test('a command whose tries have keys of their own is carried out twice, and counted', { timeout: 120_000 }, async () => {
  const { code, out, err } = await zombies('command', '--times', '1', '--broken')
  assert.equal(code, 1, err)
  assert.match(out, /idempotent command/)
  assert.match(err, /carried out 2 times/)
})

test('what cannot be run is said', async () => {
  const { code, err } = await zombies('nobody')
  assert.deepEqual([code, err.startsWith('Cannot run "nobody": there are lanes, log')], [1, true])
})
