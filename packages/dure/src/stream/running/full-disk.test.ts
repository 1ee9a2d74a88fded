import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** A file system in memory, seen by nobody else. */
const AS_ROOT = ['--mount', '--map-root-user', 'sh', '-c']
const SMALL = 'mount -t tmpfs -o size=16m tmpfs "$0" && exec "$@"'
const skip = spawnSync('unshare', [...AS_ROOT, 'mount -t tmpfs tmpfs /mnt']).status === 0 ? false : 'needs server: mounts (Linux)'

test(
  'a disk that is full when a batch commits loses nothing: it is said, and goes on when there is room',
  { skip, timeout: 120_000 },
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'dure-full-disk-'))
    t.after(() => rmSync(directory, { recursive: true, force: true }))
    const disk = join(directory, 'disk')
    mkdirSync(disk)
    const child = fileURLToPath(new URL('./full-disk.child.test-support.ts', import.meta.url))
    const program = [process.execPath, '--conditions=dure-source', child, directory, disk]
    const { stdout } = await promisify(execFile)('unshare', [...AS_ROOT, SMALL, disk, ...program])
    assert.match(stdout, /disk is full/)
  },
)
