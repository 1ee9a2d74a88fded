import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { env } from './project.ts'

export type Started = {
  /** On a clock of this process. */
  readonly at: number
  readonly stop: () => Promise<void>
  /** @throws with what the program said, when it has ended */
  readonly alive: () => void
}

/** A program on the Node that runs this. */
export function started(words: readonly string[], cwd: string): Started {
  const at = performance.now()
  const child = spawn(process.execPath, words, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(child, 'close')
  let said = ''
  const hear = (chunk: Buffer): void => void (said = `${said}${chunk.toString()}`.slice(-4_000))
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  return {
    at,
    alive: () => {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`Cannot measure: "${words.join(' ')}" ended:\n${said}`)
    },
    stop: async () => {
      child.kill('SIGTERM')
      await ended
    },
  }
}

/** Asks again and again, until the answer is the one that is wanted. @returns when it came */
export async function answered(options: {
  readonly url: string
  readonly wanted: string
  readonly alive: Started['alive']
}): Promise<number> {
  for (;;) {
    options.alive()
    const text = await fetch(options.url, { headers: { connection: 'close' } }).then(
      (response) => response.text(),
      () => undefined,
    )
    if (text?.includes(options.wanted) === true) return performance.now()
    await wait(2)
  }
}
