/** The `git` program: what it says, within bounds, and without anything that could ask somebody or run something else. */
import { spawn } from 'node:child_process'
import type { Timer, Timers } from 'dure/runtime'

export type Git = {
  /**
   * @param words after `git`
   * @param more.most bytes that it may say
   * @throws {Error} in git's words, without passwords, or that it took too long or said too much
   */
  readonly run: (
    words: readonly string[],
    more: { readonly most: number; readonly input?: string; readonly settings?: Settings },
  ) => Promise<Buffer>
}

/** Of git's configuration, for one run: they are in no list of processes. */
export type Settings = Readonly<Record<string, string>>

/** Bytes of what it complains; milliseconds that it may take to end. */
const [MOST_SAID, GRACE] = [8_192, 5_000]

export function gitProgram(options: {
  readonly repository: string
  readonly timers: Timers
  /** Milliseconds that a run may take. */
  readonly timeout: number
  readonly environment: Readonly<Partial<Record<string, string>>>
  /** Ends what runs. */
  readonly signal: AbortSignal
}): Git {
  const { repository, timers, timeout, environment, signal } = options
  return {
    run: async (words, { most, input, settings = {} }) => {
      const child = spawn('git', [`--git-dir=${repository}`, ...words], {
        stdio: ['pipe', 'pipe', 'pipe'],
        env: environmentOf(environment, settings),
      })
      const why = { text: '' }
      let killing: Timer | undefined
      const stop = (text: string): void => {
        why.text ||= text
        // Asked to end, it takes its locks away with it.
        child.kill('SIGTERM')
        killing ??= timers.after(GRACE, () => child.kill('SIGKILL'), 'waited')
      }
      const aborted = (): void => stop('the server ends')
      signal.addEventListener('abort', aborted, { once: true })
      const timer = timers.after(timeout, () => stop(`it did not end within ${timeout} ms`), 'waited')
      const said: Buffer[] = []
      let [size, complaint] = [0, '']
      child.stdout.on('data', (bytes: Buffer) => {
        size += bytes.length
        if (size > most) stop(`it said more than ${most} bytes`)
        else said.push(bytes)
      })
      child.stderr.on('data', (bytes: Buffer) => {
        complaint = `${complaint}${String(bytes)}`.slice(-MOST_SAID)
      })
      child.stdin.on('error', () => {})
      child.stdin.end(input)
      try {
        const code = await new Promise<number | null>((resolve, reject) => {
          child.once('error', ({ message }) => reject(new Error(`git cannot be run: ${message}; install it`)))
          child.once('close', resolve)
        })
        if (code === 0 && why.text === '') return Buffer.concat(said)
        throw new Error(why.text !== '' ? why.text : withoutPasswords(complaint) || `it ended with ${code}`)
      } finally {
        timer.cancel()
        killing?.cancel()
        signal.removeEventListener('abort', aborted)
      }
    },
  }
}

/** What the environment says of another repository (`GIT_DIR`) or of settings is none of this one's; a user's own credentials are. */
function environmentOf(given: Readonly<Partial<Record<string, string>>>, settings: Settings): NodeJS.ProcessEnv {
  const inherited = Object.fromEntries(
    Object.entries(given).filter(([name]) => !name.startsWith('GIT_') || name === 'GIT_SSH_COMMAND'),
  )
  const all = Object.entries({
    'core.hooksPath': '/dev/null',
    'protocol.ext.allow': 'never',
    'gc.autoDetach': 'false',
    'maintenance.autoDetach': 'false',
    ...settings,
  })
  return {
    ...inherited,
    LC_ALL: 'C',
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_ALLOW_PROTOCOL: 'file:git:http:https:ssh',
    GIT_CONFIG_COUNT: String(all.length),
    ...Object.fromEntries(
      all.flatMap(([name, value], at) => [
        [`GIT_CONFIG_KEY_${at}`, name],
        [`GIT_CONFIG_VALUE_${at}`, value],
      ]),
    ),
  }
}

export function withoutPasswords(text: string): string {
  return text
    .replaceAll(/\/\/[^/@\s]*@/g, '//')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join('; ')
}
