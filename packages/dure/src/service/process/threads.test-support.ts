/** The small shop in threads, and a nuisance in the thread of its orders; as a program, one thread of it. */
import { z } from 'zod'
import { command, contract, query } from '../../contract/contract.ts'
import { service, system, type System } from '../service.ts'
import { shop } from './shop.test-support.ts'
import { runPart } from './supervised-system.test-support.ts'

export const Nuisance = contract('nuisance', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    /** Blocks the loop of its thread for so many milliseconds. */
    block: command({ input: z.int() }),
    /** Ends its thread. */
    fall: command({}),
    /** Answers when its caller has given it up. */
    wait: query({}),
    heard: query({ output: z.array(z.string()) }),
  },
})

const heard: string[] = []

const nuisance = service(Nuisance, {
  handlers: {
    block: (ms, { clock }) => {
      for (const until = clock.monotonic() + ms; clock.monotonic() < until;);
    },
    fall: () => {
      setImmediate(() => {
        throw new Error('Nobody catches it')
      })
    },
    wait: (_input, { signal }) =>
      new Promise<void>((resolve) => {
        heard.push('called')
        signal.addEventListener('abort', () => {
          heard.push('aborted')
          resolve()
        })
      }),
    heard: () => heard,
  },
})

export const threadedShop = (): System => {
  const { services, database, broker } = shop()
  return system('shop', {
    ...{ services: [...services, nuisance], database, broker },
    placement: { threads: [['orders', 'nuisance'], ['stock'], ['mail']] },
  })
}

await runPart(threadedShop())
