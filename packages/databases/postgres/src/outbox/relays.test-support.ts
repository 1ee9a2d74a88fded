import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { OutboxMessage } from 'dure/data'

/** A relay in a process of its own. */
export type RelayProcess = {
  readonly name: string
  readonly kill: () => Promise<void>
  readonly freeze: () => void
  readonly thaw: () => void
  readonly lanes: () => number
  readonly warnings: readonly string[]
}

export type Relays = {
  readonly start: (name: string) => RelayProcess
  /** All that was delivered, by whom, in order of arrival. */
  readonly got: readonly { readonly message: OutboxMessage; readonly by: string }[]
  /** Resolves when this holds; looked at whenever a process says something. */
  readonly until: (condition: () => boolean) => Promise<void>
  /** From here on the batches of this one are taken and not answered; the way to answer them. */
  readonly withhold: (name: string) => () => void
  readonly close: () => Promise<void>
}

type Said =
  | { readonly batch: number; readonly messages: readonly OutboxMessage[] }
  | { readonly warning: string }
  | { readonly lanes: number }

/** Relays in processes of their own and, here, the broker that they deliver to. */
export function relayProcesses(url: string): Relays {
  const children: ChildProcess[] = []
  const got: { message: OutboxMessage; by: string }[] = []
  const withheld = new Map<string, (() => void)[]>()
  let waiting: { readonly condition: () => boolean; readonly resolve: () => void }[] = []

  const look = (): void => {
    const ready = waiting.filter(({ condition }) => condition())
    waiting = waiting.filter((one) => !ready.includes(one))
    for (const { resolve } of ready) resolve()
  }

  const start = (name: string): RelayProcess => {
    const child = fork(new URL('./relay.child.test-support.ts', import.meta.url), {
      env: { ...process.env, RELAY_URL: url, RELAY_NAME: name },
      execArgv: ['--conditions=dure-source'],
      serialization: 'advanced',
    })
    children.push(child)
    const warnings: string[] = []
    let lanes = 0
    child.on('message', (said: Said) => {
      if ('warning' in said) warnings.push(said.warning)
      else if ('lanes' in said) lanes = said.lanes
      else {
        for (const message of said.messages) got.push({ message, by: name })
        const answer = (): void => void (child.connected && child.send(said.batch, () => {}))
        const held = withheld.get(name)
        if (held === undefined) answer()
        else held.push(answer)
      }
      look()
    })
    return {
      name,
      warnings,
      lanes: () => lanes,
      kill: async () => {
        child.kill('SIGKILL')
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
        lanes = 0
      },
      freeze: () => void child.kill('SIGSTOP'),
      thaw: () => void child.kill('SIGCONT'),
    }
  }

  return {
    start,
    got,
    until: (condition) =>
      new Promise((resolve) => {
        if (condition()) return resolve()
        waiting.push({ condition, resolve })
      }),
    withhold: (name) => {
      const held: (() => void)[] = []
      withheld.set(name, held)
      return () => {
        withheld.delete(name)
        for (const answer of held) answer()
      }
    },
    close: async () => {
      const alive = children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
      await Promise.all(
        alive.map((child) => {
          child.kill('SIGKILL')
          return once(child, 'exit')
        }),
      )
    },
  }
}
