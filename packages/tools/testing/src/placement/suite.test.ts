import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { greetings } from './suite.test-support.ts'

const FILE = join(import.meta.dirname, 'suite.test-support.ts')

function run(env: Readonly<Record<string, string>>): { readonly status: number | null; readonly said: string } {
  const args = ['--conditions=dure-source', '--test', '--test-reporter=tap', FILE]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    // A test inside a test would report to the outer one's parent.
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env },
  })
  return { status, said: stdout + stderr }
}

test('placementSuite is a test with one inside for each service', () => {
  const { status, said } = run({})
  assert.equal(status, 0, said)
  const services = greetings.services.map(({ contract }) => contract.name)
  for (const name of [...services, 'placement does not change behaviour'])
    assert.match(said, new RegExp(`^ *ok \\d+ - ${name}$`, 'm'))
})

test('placementSuite fails for the service that answers otherwise, with the report', () => {
  const { status, said } = run({ SUITE_DIFFERS: 'yes' })
  assert.equal(status, 1, said)
  assert.match(said, /^ *not ok \d+ - greeter$/m)
  assert.match(said, /^ *ok \d+ - counter$/m)
  assert.match(said, /greeter\.greet differs in another process: two values of kind string at \.value/)
  assert.match(said, /together: 'Hello, ?.*'/)
  assert.match(said, /in another process: 'Bye, ?.*'/)
})
