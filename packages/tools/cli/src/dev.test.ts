import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { project, SYSTEM } from './project.test-support.ts'
import { dure } from './shell.test-support.ts'
import { heard, spawned, type Spawned } from './spawned.test-support.ts'

const READY = /is ready in \d+ ms/
const slow = { timeout: 300_000 }

async function read(root: string): Promise<string> {
  const { code, out, err } = await dure(['call', 'notes.read'], { cwd: root })
  assert.equal(code, 0, err)
  return out.trim()
}

test(
  'dev starts again when what it imports changes; while that cannot be loaded, the system of before goes on',
  slow,
  async () => {
    const { root, file, shared } = project()
    const dev = spawned(['dev', '--no-console'], { cwd: root })
    await dev.until(READY)
    // Of several changes at once the last is told.
    writeFileSync(shared, "export const text = 'two'")
    writeFileSync(join(root, 'src/other.ts'), 'export {}')
    await dev.until(/shared\/text\.ts changed[^]*Ready again in \d+ ms/)
    assert.equal(await read(root), '"two"')
    assert.doesNotMatch(dev.all(), /other\.ts/)
    assert.equal(dev.all().match(/changed/g)?.length, 1)

    writeFileSync(shared, 'export const text: = 1')
    await dev.until(/the one before the change goes on:\nCannot load[^]*text\.ts:1\n/)
    assert.equal(await read(root), '"two"')
    writeFileSync(file, SYSTEM.replace('text.ts', 'renamed.ts'))
    await dev.until(/Cannot find module[^]*renamed\.ts/)
    assert.equal(await read(root), '"two"')
    writeFileSync(join(root, 'shared/renamed.ts'), "export const text = 'renamed'")
    await dev.until(/renamed\.ts changed[^]*Ready again/)
    assert.equal(await read(root), '"renamed"')
    dev.child.kill('SIGTERM')
    assert.equal(await dev.exit, 0)
    assert.equal(dev.all().match(/Stopped/g)?.length, 1, 'of a reload two lines are enough')
  },
)

test('a migration that fails or was edited is told in a sentence, which comes last, without a stack', slow, async () => {
  const { root, file } = project()
  const edited = SYSTEM.replace('(id TEXT', '(text TEXT, id TEXT')
  writeFileSync(file, edited.replace('CREATE', 'CRAETE'))
  const dev = spawned(['dev', '--no-console'], { cwd: root })
  const last = async (sentence: RegExp): Promise<void> => {
    await dev.until(sentence)
    assert.match(dev.all().trim().split('\n').at(-1)!, sentence)
    assert.doesNotMatch(dev.all(), /^\s+at /m)
  }
  await last(/^Migrating the store of service "notes" failed in "001": near "CRAETE": syntax error/m)
  writeFileSync(file, SYSTEM)
  await dev.until(/is ready/)
  writeFileSync(file, edited)
  await last(/^Migrating .*"001" was changed after it was applied\. To do: put the old text back/m)
  dev.child.kill('SIGTERM')
  assert.equal(await dev.exit, 0)
  const start = await dure(['start'], { cwd: root })
  assert.equal(start.code, 1)
  assert.match(start.err, /^Migrating .*"001" was changed[^\n]*\n$/)
})

/** Through a package runner, in a process group of its own as a terminal makes them. */
function through(command: readonly [string, ...string[]], root: string): Spawned {
  const [name, ...args] = command
  return heard(spawn(name, args, { cwd: root, detached: true }))
}

const [NPM, NPX] = [
  ['npm', 'run', 'dev'],
  ['npx', 'dure', 'dev'],
] as const

test(`through "${NPM.join(' ')}" one Ctrl-C ends it, once and cleanly`, slow, async () => {
  const { root } = project()
  const dev = through(NPM, root)
  await dev.until(READY)
  process.kill(-dev.child.pid!, 'SIGINT')
  await dev.exit
  assert.equal(dev.all().match(/Stopping/g)?.length, 1, dev.all())
  assert.equal(dev.all().match(/Stopped/g)?.length, 1, dev.all())
  assert.doesNotMatch(dev.all(), /npm (?:error|ERR)|The system/)
})

for (const [runner, signal] of [
  [NPX, 'SIGTERM'],
  [NPM, 'SIGKILL'],
] as const) {
  test(`"${runner.join(' ')}" ended by ${signal} takes the system with it`, slow, async () => {
    const { root } = project()
    const dev = through(runner, root)
    await dev.until(READY)
    dev.child.kill(signal)
    // Its output is closed when the last process that holds it is gone.
    await dev.exit
    assert.equal(dev.all().match(/Stopped/g)?.length, 1, dev.all())
  })
}
