import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export type ProviderProcess = {
  readonly url: string
  /** Ends it as a crash would: it is then started again. */
  readonly kill: () => void
  readonly stop: () => Promise<void>
}

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))
/** Milliseconds before a provider that fell over is started again. */
const PAUSE = 200

/** Runs the payment provider in a process of its own, and again when it falls over, at the same address. */
export async function startProviderProcess(options: {
  readonly file: string
  readonly seed: number
  readonly warn: (message: string) => void
}): Promise<ProviderProcess> {
  const { file, seed, warn } = options
  let stopping = false
  let child: ChildProcess
  let url: string

  const launch = async (port: number): Promise<void> => {
    child = fork(MAIN, ['--file', file, '--seed', String(seed), '--port', String(port)], {
      execArgv: ['--conditions=dure-source'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    url = await addressOf(child)
    child.once('exit', (code, signal) => {
      if (stopping) return
      warn(`The payment provider ended (${signal ?? `exit code ${code}`}); starting it again`)
      setTimeout(relaunch, PAUSE)
    })
  }
  const relaunch = (): void => {
    if (stopping) return
    launch(Number(new URL(url).port)).catch((error: unknown) => {
      warn((error as Error).message)
      if (!stopping) setTimeout(relaunch, PAUSE)
    })
  }

  await launch(0)
  return {
    get url() {
      return url
    },
    kill: () => void child.kill('SIGKILL'),
    stop: async () => {
      stopping = true
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = new Promise((resolve) => void child.once('exit', resolve))
      if (child.connected) child.disconnect()
      await ended
    },
  }
}

/** Where the child listens, once it does. */
async function addressOf(child: ChildProcess): Promise<string> {
  let complaint = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => void (complaint = (complaint + text).slice(-2_000)))
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve((message as { url: string }).url))
    child.once('error', reject)
    child.once('exit', (code) =>
      reject(new Error(complaint.trim() || `Cannot start the payment provider: it ended with ${code}`)),
    )
  })
}
