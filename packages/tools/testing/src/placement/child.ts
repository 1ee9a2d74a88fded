/** The process that a system is placed in: does what its parent says, and ends with it. */
import { listenSocket } from 'dure/call/internal'
import { describeThrown } from 'dure/contract/internal'
import { realRuntime } from 'dure/runtime'
import { start } from 'dure/service'
import { silentLogger } from 'dure/telemetry'
import { bare, settler, steppedRuntime, type SystemFile } from './copies.ts'
import { systemOf } from './placed.ts'

export type ToChild =
  | {
      readonly kind: 'start'
      readonly file: SystemFile
      readonly directory: string
      readonly seed: number
      readonly address: Parameters<typeof listenSocket>[0]['address']
    }
  | { readonly kind: 'settle' | 'stop' }

export type FromChild = { readonly done: ToChild['kind']; readonly failed?: string }

type Placed = { readonly settle: () => Promise<void>; readonly stop: () => Promise<void> }

async function place({ file, directory, seed, address }: Extract<ToChild, { kind: 'start' }>): Promise<Placed> {
  const system = bare(await systemOf(file))
  const runtime = steppedRuntime(seed)
  const log = silentLogger()
  const running = await start(system, { directory, runtime, log, patience: 200 })
  const listener = await listenSocket({ address, transport: running.transport, runtime: realRuntime(), log })
  return {
    settle: settler(running, runtime),
    stop: async () => {
      await listener.stop()
      await running.stop()
    },
  }
}

if (process.send !== undefined) {
  let placed: Placed | undefined
  const say = (message: FromChild): void => void process.send!(message)
  process.on('disconnect', () => process.exit())
  process.on('message', (message: ToChild) => {
    const work = async (): Promise<void> => {
      if (message.kind === 'start') placed = await place(message)
      else await placed?.[message.kind]()
    }
    work().then(
      () => say({ done: message.kind }),
      (error: unknown) => say({ done: message.kind, failed: describeThrown(error).stack ?? describeThrown(error).message }),
    )
  })
}
