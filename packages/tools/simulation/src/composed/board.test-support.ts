/** The board of a station: composed of trains, of who drives them, of notices, and of the weather, which is ill for minutes at a time. */
import assert from 'node:assert/strict'
import { CallError, contract, query, STATUSES, stream, type OperationOutput, type Status } from 'dure/contract'
import { batch, compose } from 'dure/query'
import type { Runtime } from 'dure/runtime'
import { service, system, type System } from 'dure/service'
import { z } from 'zod'
import { sometimes, type Simulation } from '../simulation.ts'

const Station = z.object({ station: z.int() })
const Train = z.object({ train: z.string(), driver: z.int() })
const Trains = contract('trains', {
  version: '1.0.0',
  owner: 'tests',
  operations: { due: query({ input: Station, output: z.array(Train) }) },
})
const Drivers = contract('drivers', {
  version: '1.0.0',
  owner: 'tests',
  operations: { named: query({ input: z.array(z.int()), output: z.array(z.string()) }) },
})
const Weather = contract('weather', {
  version: '1.0.0',
  owner: 'tests',
  operations: { at: query({ input: Station, output: z.int() }) },
})
const Notices = contract('notices', {
  version: '1.0.0',
  owner: 'tests',
  operations: { of: stream({ input: Station, output: z.string() }) },
})
const parts = { trains: z.array(Train), weather: z.int() }
const Boards = contract('boards', {
  version: '1.0.0',
  owner: 'tests',
  operations: {
    show: query({
      input: Station,
      output: z.discriminatedUnion('whole', [
        z.object({ whole: z.literal(true), ...parts, drivers: z.array(z.string()), notices: z.array(z.string()) }),
        z.object({
          whole: z.literal(false),
          ...parts,
          drivers: z.array(z.string()).optional(),
          notices: z.array(z.string()).optional(),
          missing: z.array(
            z.object({
              part: z.enum(['weather', 'drivers', 'notices']),
              why: z.enum(Object.keys(STATUSES) as [Status, ...Status[]]),
            }),
          ),
        }),
      ]),
      deadline: 1_000,
    }),
  },
})
type Board = OperationOutput<(typeof Boards)['operations']['show']>

/** A temperature that is nowhere, so that it is known for what it is. */
const UNKNOWN = -300
/** Milliseconds for which the weather is well, and then ill. */
const PERIOD = 8_000
const trainsOf = (station: number) => [1, 2, 3, 1].map((driver) => ({ train: `T${station}`, driver: station + driver }))
const namesOf = (station: number): readonly string[] => [1, 2, 3].map((driver) => `Driver ${station + driver}`)

const noticesOf = (station: number): readonly string[] => Array.from({ length: 6 }, (_, line) => `Notice ${line} of ${station}`)

export type Slip = 'not marked' | 'not in time'

function station({ runtime: { clock, timers, random } }: { readonly runtime: Runtime }, slip: Slip | undefined): System {
  const began = clock.monotonic()
  const trains = service(Trains, { handlers: { due: ({ station }) => trainsOf(station) } })
  const drivers = service(Drivers, {
    handlers: {
      named: async (ids) => {
        assert.equal(new Set(ids).size, ids.length, 'each is asked for once')
        await timers.sleep(random.number() * 20)
        return ids.map((id) => `Driver ${id}`)
      },
    },
  })
  const weather = service(Weather, {
    handlers: {
      at: async ({ station }) => {
        await timers.sleep(random.number() * 20)
        const ill = Math.floor((clock.monotonic() - began) / PERIOD) % 2 === 1
        if (ill && random.number() < 0.5) await timers.sleep(60_000)
        if (ill) throw new CallError('INTERNAL', 'A thermometer that is nobody’s business')
        return station
      },
    },
  })
  const notices = service(Notices, {
    handlers: {
      async *of({ station }) {
        for (const notice of noticesOf(station)) {
          await timers.sleep(random.number() * 5)
          yield notice
        }
      },
    },
  })
  const boards = service(Boards, {
    needs: { trains: Trains, drivers: Drivers, weather: Weather, notices: Notices },
    handlers: {
      show: async (input, context) => {
        if (slip === 'not in time') await context.weather.at(input).catch(() => {})
        const board = await compose(context, {
          parts: {
            trains: { ask: ({ trains }) => trains.due(input), required: true },
            weather: { ask: ({ weather }) => weather.at(input), fallback: UNKNOWN },
            notices: { ask: ({ notices }) => notices.of(input) },
          },
          next: ({ trains }) => ({
            drivers: {
              ask: async ({ drivers }: typeof context) => [
                ...(
                  await batch(
                    trains.map(({ driver }) => driver),
                    (some) => drivers.named(some),
                  )
                ).values(),
              ],
            },
          }),
        })
        const { drivers, notices } = board
        if (slip !== 'not marked' || drivers === undefined || notices === undefined) return board
        return { ...board, whole: true as const, drivers, notices }
      },
    },
  })
  return system('station', { services: [trains, drivers, weather, notices, boards] })
}

export const MARKED = 'what is missing of a board is said, and what is there is right'
export const ANSWERED = 'boards are shown in time while the weather is ill'

export function showing(slip?: Slip): Simulation {
  const shown: { readonly station: number; readonly board: Board }[] = []
  let late = 0
  return {
    system: (process) => station(process, slip),
    load: {
      duration: 30_000,
      clients: 3,
      pause: 100,
      step: async ({ client, user, number }) => {
        const asked = user * 1_000 + number
        try {
          const board = await client(Boards).show({ station: asked })
          shown.push({ station: asked, board })
          if (board.whole) sometimes('a board was whole')
          else for (const { part, why } of board.missing) sometimes(`${part} was missing: ${why}`)
        } catch (error) {
          if ((error as CallError).code === 'DEADLINE_EXCEEDED') late++
          throw error
        }
      },
    },
    invariants: {
      [MARKED]: () => {
        assert.ok(shown.length > 20, `${shown.length} boards`)
        for (const { station, board } of shown) {
          const missing = board.whole ? [] : board.missing.map(({ part }) => part)
          assert.ok(board.whole || missing.length > 0)
          assert.deepEqual(board.trains, trainsOf(station))
          assert.equal(board.weather, missing.includes('weather') ? UNKNOWN : station)
          // All that a stream has said, or nothing: never a part of it.
          assert.deepEqual(board.notices, missing.includes('notices') ? undefined : noticesOf(station))
          assert.deepEqual(board.drivers, missing.includes('drivers') ? undefined : namesOf(station))
        }
      },
      [ANSWERED]: () => {
        // Trains are required, and may be away or on a connection that was lost.
        assert.ok(late <= shown.length / 10, `${late} were late, ${shown.length} were shown`)
      },
    },
    expects: ['a board was whole', 'weather was missing: DEADLINE_EXCEEDED', 'weather was missing: INTERNAL'],
  }
}
