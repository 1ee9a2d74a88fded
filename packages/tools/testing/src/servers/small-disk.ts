import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmdirSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CallError } from 'dure/contract'

/** A file system of its own for what a server keeps, which can be full, and have space again. */
export type SmallDisk = {
  /** Where it is mounted: the `directory` of a server. */
  readonly directory: string
  /** Takes the space that is left away: whoever writes next hears that there is none. */
  readonly fill: () => void
  /** Gives it back. */
  readonly free: () => void
  /** Takes it away. What was on it is in the directory then, unless that was a temporary one. */
  readonly close: () => Promise<void>
}

/**
 * Mounts a file system of so many bytes in memory. It goes with the process that mounted it, however that ends.
 * @throws {CallError} FAILED_PRECONDITION where this process may not mount: Linux and root alone may
 *
 * @example
 * ```ts
 * import { missingSmallDisk, mountSmallDisk } from '@dure/testing/servers'
 *
 * if (missingSmallDisk() === false) {
 *   const disk = await mountSmallDisk({ bytes: 64 * 1024 * 1024 })
 *   disk.fill() // a server whose `directory` is `disk.directory` has no space any more
 *   disk.free()
 *   await disk.close()
 * }
 * ```
 */
export async function mountSmallDisk(options: {
  readonly bytes: number
  /** Where; default a temporary folder, removed when closed. What is there already is on it. */
  readonly directory?: string
}): Promise<SmallDisk> {
  const { bytes } = options
  const temporary = options.directory === undefined
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'dure-disk-'))
  const aside = `${directory}.aside`
  if (existsSync(directory)) renameSync(directory, aside)
  mkdirSync(directory, { recursive: true })
  const trouble = mount(directory, bytes)
  if (trouble !== undefined) {
    rmdirSync(directory)
    if (existsSync(aside)) renameSync(aside, directory)
    if (temporary) rmdirSync(directory)
    throw new CallError(
      'FAILED_PRECONDITION',
      `Cannot mount a file system of ${bytes} bytes at "${directory}": ${trouble}. To do: run this as root on Linux, or leave out what needs a full disk`,
    )
  }
  if (existsSync(aside)) {
    copy(aside, directory)
    rmSync(aside, { recursive: true })
  }
  // Its input ends with this process.
  const script = 'read word; umount -l "$1"; [ -z "$2" ] || rmdir "$1"'
  const guard = spawn('/bin/sh', ['-c', script, 'sh', directory, temporary ? 'yes' : ''], {
    ...{ cwd: '/', detached: true },
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  guard.stdin.on('error', () => {})
  guard.unref()
  ;(guard.stdin as unknown as { unref: () => void }).unref()
  return {
    directory,
    fill: () => fill(directory),
    free: () => void resize(directory, bytes),
    close: async () => {
      if (!temporary) {
        mkdirSync(aside)
        copy(directory, aside)
      }
      guard.ref()
      const gone = guard.exitCode === null ? once(guard, 'exit') : undefined
      guard.stdin.end()
      await gone
      if (temporary) return
      rmdirSync(directory)
      renameSync(aside, directory)
    },
  }
}

/**
 * For `test('…', { skip: missingSmallDisk() }, …)`: false where this process may mount, else the reason.
 *
 * @example
 * ```ts
 * import { missingSmallDisk } from '@dure/testing/servers'
 *
 * missingSmallDisk() // false, or 'needs the right to mount: …'
 * ```
 */
export function missingSmallDisk(): false | string {
  const directory = mkdtempSync(join(tmpdir(), 'dure-disk-'))
  const trouble = mount(directory, 4_096)
  if (trouble === undefined) spawnSync('umount', [directory])
  rmdirSync(directory)
  return trouble !== undefined && `needs the right to mount: ${trouble}`
}

/** Files that are larger than what is in them stay so. */
function copy(from: string, to: string): void {
  const trouble = run('cp', '-a', `${from}/.`, to)
  if (trouble !== undefined) throw new CallError('INTERNAL', `Copying "${from}" to "${to}" failed: ${trouble}`)
}

/** What is in the way of it. */
function mount(directory: string, bytes: number): string | undefined {
  if (process.platform !== 'linux') return `this is ${process.platform}, and not Linux`
  return run('mount', '-t', 'tmpfs', '-o', `size=${bytes},mode=0755`, 'tmpfs', directory)
}

/** As large as what is on it: nothing is written to make it full, and what is there may be of any size. */
function fill(directory: string): void {
  for (let tries = 1; ; tries++) {
    const { blocks, bfree, bsize } = statfsSync(directory)
    const trouble = resize(directory, Math.max(1, blocks - bfree) * bsize)
    if (trouble === undefined) return
    // Somebody wrote meanwhile.
    if (tries === FILL_TRIES) throw new CallError('INTERNAL', `Filling the file system at "${directory}" failed: ${trouble}`)
  }
}
const FILL_TRIES = 1_000

const resize = (directory: string, bytes: number): string | undefined => run('mount', '-o', `remount,size=${bytes}`, directory)

/** Its complaint, if it has one. */
function run(command: string, ...words: readonly string[]): string | undefined {
  const { status, stderr, error } = spawnSync(command, words, { encoding: 'utf8' })
  return status === 0 ? undefined : (error?.message ?? stderr).trim().replaceAll('\n', ' ')
}
