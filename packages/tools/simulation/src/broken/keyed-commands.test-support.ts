/** One command that several callers send with one key, each until it is answered, through copies of the service. */
import assert from 'node:assert/strict'
import { CallError, command, contract } from 'dure/contract'
import { database } from 'dure/data'
import type { Runtime } from 'dure/runtime'
import { service, system, type System } from 'dure/service'
import { z } from 'zod'
import { sometimes, type Simulation, type StepWorld } from '../simulation.ts'

const Till = contract('till', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    /** Sells a ticket; asks somebody else for `slow` milliseconds first. Without its key, each time is a sale. */
    sell: command({ input: z.object({ ticket: z.string(), slow: z.int() }), output: z.object({ receipt: z.string() }) }),
  },
})

/** A handler at work on a ticket. */
type Work = { readonly ticket: string; over: boolean; overtaken: boolean }
type Process = { readonly name: string; readonly runtime: Runtime }

/** The till of one process; `works` are those of all processes. */
function till({ name, runtime: { clock, timers } }: Process, works: Work[], both: (text: string) => void): System {
  const begin = (ticket: string): Work => {
    const work = { ticket, over: false, overtaken: false }
    for (const other of works) if (other.ticket === ticket && !other.over) other.overtaken = true
    works.push(work)
    return work
  }
  const selling = service(Till, {
    database: database<{ sales: { receipt: string; ticket: string } }>({
      migrations: { '001': 'CREATE TABLE sales (receipt TEXT PRIMARY KEY, ticket TEXT NOT NULL)' },
    }),
    handlers: {
      sell: async ({ ticket, slow }, context) => {
        const work = begin(ticket)
        try {
          await timers.sleep(slow)
          // Whoever was killed does not come here; whose caller has gone, or whose time is over, nobody waits for.
          const awaited = !context.signal.aborted && clock.monotonic() < context.deadline
          if (work.overtaken && awaited) both(`${ticket} by ${name} and another`)
          const receipt = context.ids.next()
          await context.database.transaction((tx) => tx.insertInto('sales').values({ receipt, ticket }).execute())
          return { receipt }
        } finally {
          work.over = true
        }
      },
    },
  })
  return system('till', { services: [selling] })
}

/** Milliseconds that callers give a call, and that the work takes. */
const PATIENCE: readonly number[] = [600, 1_500, 7_000]
const SLOW: readonly number[] = [0, 20, 400]
const ATTEMPTS = 12

export function selling(): Simulation {
  const works: Work[] = []
  const both = new Set<string>()
  /** What callers were answered, by ticket. */
  const receipts = new Map<string, Set<string>>()

  const ask = async ({ client, random, sleep }: StepWorld, input: { ticket: string; slow: number }): Promise<void> => {
    const { ticket } = input
    const timeout = PATIENCE[random.integer(PATIENCE.length)]!
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      try {
        const { receipt } = await client(Till).sell(input, { timeout, idempotencyKey: ticket })
        receipts.set(ticket, (receipts.get(ticket) ?? new Set()).add(receipt))
        return
      } catch (error) {
        if (!(error instanceof CallError)) throw error
        if (error.code === 'ALREADY_EXISTS') return sometimes('it was sold, and the receipt was lost')
        sometimes('a caller asked again')
        await sleep(200)
      }
    }
  }

  return {
    system: (process) => till(process, works, (text) => both.add(text)),
    replicas: { till: 2 },
    load: {
      duration: 15_000,
      clients: 3,
      pause: 800,
      step: async (world) => {
        const { user, number, random, sleep } = world
        const input = { ticket: `${user}-${number}`, slow: SLOW[random.integer(SLOW.length)]! }
        await Promise.all([ask(world, input), sleep(random.integer(1_500)).then(() => ask(world, input))])
      },
    },
    invariants: {
      'a command is carried out once': ({ rows }) => {
        const twice = rows('till', 'SELECT ticket FROM sales GROUP BY ticket HAVING count(*) > 1').map(({ ticket }) => ticket)
        assert.deepEqual(twice, [], `tickets ${twice.join()} were sold more than once`)
      },
      'all callers are answered the same, and it was done': ({ rows }) => {
        const sold = new Map(rows('till', 'SELECT ticket, receipt FROM sales').map(({ ticket, receipt }) => [ticket, receipt]))
        for (const [ticket, told] of receipts) assert.deepEqual([...told], [sold.get(ticket)], `receipts of ticket ${ticket}`)
      },
      'nobody carries out what another is carrying out in its time': () => {
        assert.deepEqual([...both], [], `two were at work on ${[...both].join('; ')}`)
      },
    },
    expects: ['a caller asked again'],
  }
}
