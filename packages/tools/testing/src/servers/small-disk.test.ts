import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { missingSmallDisk, mountSmallDisk } from './small-disk.ts'

const skip = missingSmallDisk()
const mounted = (directory: string): boolean => readFileSync('/proc/mounts', 'utf8').includes(` ${directory} `)

test('a small disk is full, has space again, and is gone with what was on it', { skip }, async () => {
  const disk = await mountSmallDisk({ bytes: 1 << 20 })
  const file = join(disk.directory, 'file')
  writeFileSync(file, 'something')
  disk.fill()
  assert.throws(() => writeFileSync(join(disk.directory, 'more'), Buffer.alloc(8_192)), { code: 'ENOSPC' })
  disk.free()
  writeFileSync(join(disk.directory, 'more'), Buffer.alloc(8_192))
  assert.equal(readFileSync(file, 'utf8'), 'something')
  await disk.close()
  assert.equal(existsSync(disk.directory), false)
})

test('a directory becomes a disk with what is in it, and has what was on it afterwards', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'dure-disk-test-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const directory = join(folder, 'data')
  for (const before of [[], ['0'], ['0', '1']]) {
    const disk = await mountSmallDisk({ directory, bytes: 1 << 20 })
    assert.ok(mounted(directory))
    assert.deepEqual(readdirSync(directory), before)
    writeFileSync(join(directory, String(before.length)), 'something')
    await disk.close()
    assert.deepEqual(readdirSync(directory), [...before, String(before.length)])
    assert.equal(mounted(directory), false)
  }
  assert.deepEqual(readdirSync(folder), ['data'])
})

test('it goes with a process that was killed', { skip }, async () => {
  const program = `
    import { mountSmallDisk } from ${JSON.stringify(new URL('./small-disk.ts', import.meta.url))}
    const { directory } = await mountSmallDisk({ bytes: 65536 })
    process.stdout.write(directory)
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--conditions=dure-source', '--input-type=module', '-e', program])
  const [directory] = (await once(child.stdout, 'data')).map(String) as [string]
  assert.ok(mounted(directory))
  child.kill('SIGKILL')
  while (existsSync(directory)) await new Promise((resolve) => setTimeout(resolve, 5))
})

test(
  'where it cannot be mounted, it is said why, and what to do',
  { skip: process.platform !== 'linux' && 'Linux says it' },
  async (t) => {
    const path = process.env['PATH']
    t.after(() => (process.env['PATH'] = path))
    process.env['PATH'] = '/nowhere'
    await assert.rejects(mountSmallDisk({ bytes: 65_536 }), {
      code: 'FAILED_PRECONDITION',
      message: /Cannot mount a file system of 65536 bytes at ".*": .*To do: run this as root on Linux/,
    })
    assert.match(String(missingSmallDisk()), /^needs the right to mount: /)
  },
)
