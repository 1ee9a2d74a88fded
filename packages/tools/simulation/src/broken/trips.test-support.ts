/** Trips that an agency books by a saga: a hotel and a flight of other services, notes of its own, and a payment that is waited for. */
import assert from 'node:assert/strict'
import { CallError, command, contract, DeclaredError, error } from 'dure/contract'
import { database } from 'dure/data'
import type { Runtime } from 'dure/runtime'
import { saga, type SagaContext } from 'dure/saga'
import { service, system, type Service, type System } from 'dure/service'
import { z } from 'zod'
import { sometimes, type CheckWorld, type Simulation } from '../simulation.ts'

const Trip = z.object({ trip: z.string() })
const Full = error('FULL', { message: 'There is no room' })
const Unpaid = error('UNPAID', { message: 'Nobody has paid in time' })
const operations = {
  reserve: command({ input: Trip, output: z.string(), errors: { Full } }),
  cancel: command({ input: Trip }),
}
const Hotel = contract('hotel', { version: '1.0.0', owner: 'tests', operations })
const Flight = contract('flight', { version: '1.0.0', owner: 'tests', operations })
const Agency = contract('agency', {
  version: '1.0.0',
  owner: 'tests',
  operations: { book: command({ input: Trip, idempotent: true }), pay: command({ input: Trip, idempotent: true }) },
})

/** Milliseconds for which users are at work, and for which houses may fail. */
const DURATION = 15_000
/** Milliseconds for which a payment is waited for, and in which all must be over. */
const [PATIENCE, DEADLINE] = [4_000, 12_000]

/** What one run remembers, of all processes: the order in which things were begun. */
type Memory = { tick: number; readonly begun: Set<string> }

/** Keeps what it does of each trip; some are refused, and now and then it fails. */
function house(of: typeof Hotel | typeof Flight, { clock, random, timers }: Runtime, memory: Memory, full: RegExp): Service {
  return service(of, {
    database: database<{ done: { what: string; trip: string; at: number } }>({
      migrations: { '001': 'CREATE TABLE done (what TEXT NOT NULL, trip TEXT NOT NULL, at INTEGER PRIMARY KEY)' },
    }),
    handlers: {
      reserve: async ({ trip }, { database }) => {
        if (full.test(trip)) throw Full()
        const at = memory.tick++
        await timers.sleep(random.number() ** 3 * 300)
        if (clock.monotonic() < DURATION && random.number() < 0.2) throw new Error('The house has lost its keys')
        return database.transaction(async (tx) => {
          await tx.insertInto('done').values({ what: 'reserve', trip, at }).execute()
          await tx.answer(`room for ${trip}`)
          return `room for ${trip}`
        })
      },
      cancel: async ({ trip }, { database }) => {
        const at = memory.tick++
        await timers.sleep(random.number() ** 3 * 300)
        if (clock.monotonic() < DURATION && random.number() < 0.2) throw new Error('The house has lost its keys')
        await database.transaction(async (tx) => {
          await tx.insertInto('done').values({ what: 'cancel', trip, at }).execute()
          await tx.answer()
        })
      },
    },
  })
}

type Notes = { notes: { what: string; trip: string; at: number } }
const notes = database<Notes>({
  migrations: { '001': 'CREATE TABLE notes (what TEXT NOT NULL, trip TEXT NOT NULL, at INTEGER PRIMARY KEY)' },
})
const needs = { hotel: Hotel, flight: Flight }
const signals = { paid: z.object({ by: z.string() }) }
type Context = SagaContext<typeof needs, Notes, typeof signals>
type TripRun = (s: Context, trip: { readonly trip: string }, note: (what: string) => StepsOfNotes) => Promise<string>
type StepsOfNotes = Extract<Parameters<Context['step']>[1], { readonly transaction: unknown }>

/** A trip as it should be. */
export const soundTrip: TripRun = async (s, { trip }, note) => {
  await s.step('hotel', { do: ({ hotel }) => hotel.reserve({ trip }), undo: ({ hotel }) => hotel.cancel({ trip }) })
  await s.step('flight', { do: ({ flight }) => flight.reserve({ trip }), undo: ({ flight }) => flight.cancel({ trip }) })
  await s.step('note', note('booked'))
  if ((await s.signal('paid', { timeout: PATIENCE })) === undefined) throw Unpaid()
  await s.sleep('think it over', 500)
  await s.step('issue', note('issued'))
  return trip
}

function unlessRefused(thrown: unknown): undefined {
  if (!(thrown instanceof DeclaredError)) throw thrown
}

/** Undoes by hand, in the order in which it was done. */
export const forwardTrip: TripRun = async (s, { trip }, note) => {
  await s.step('hotel', { do: ({ hotel }) => hotel.reserve({ trip }) })
  const flight = await s.step('flight', { do: ({ flight: of }) => of.reserve({ trip }).catch(unlessRefused) })
  if (flight !== undefined && (await s.signal('paid', { timeout: PATIENCE })) !== undefined) {
    await s.step('note', note('booked'))
    await s.step('issue', note('issued'))
    return trip
  }
  await s.step('hotel is cancelled', { do: ({ hotel }) => hotel.cancel({ trip }) })
  if (flight !== undefined) await s.step('flight is cancelled', { do: ({ flight: of }) => of.cancel({ trip }) })
  throw Unpaid()
}

function agency({ runtime }: { readonly runtime: Runtime }, memory: Memory, run: TripRun): System {
  const note =
    (trip: string) =>
    (what: string): StepsOfNotes => {
      const write = async (tx: Parameters<StepsOfNotes['transaction']>[0], of: string): Promise<void> => {
        await tx
          .insertInto('notes')
          .values({ what: of, trip, at: memory.tick++ })
          .execute()
      }
      return { transaction: (tx) => write(tx, what), undo: (tx) => write(tx, `un${what}`) }
    }
  const trips = saga('trip', {
    ...{ needs, database: notes, signals, input: Trip, output: z.string(), deadline: DEADLINE },
    run: (s, input) => run(s, input, note(input.trip)),
  })
  const front = service(Agency, {
    database: notes,
    extensions: [trips],
    handlers: {
      book: async ({ trip }, { database: own }) => {
        await own.transaction((tx) => tx.begin(trips, { trip }, { id: trip }))
      },
      pay: ({ trip }, { database: own }) => own.transaction((tx) => tx.signal(trips, trip, 'paid', { by: 'card' })),
    },
  })
  return system('travel', {
    services: [front, house(Hotel, runtime, memory, /[39]$/), house(Flight, runtime, memory, /[147]$/)],
  })
}

export const ENDS = 'every trip ends, one way or the other'
export const ONCE = 'nothing is done twice'
export const WHOLE = 'a trip is booked with all that belongs to it, or nothing of it is left'
export const REVERSE = 'what was done last is undone first'
export const OVER = 'what has ended rests'
/** Of what never ends: there is no end at which to look. */
export const REST = 'everything comes to rest'

type Line = { readonly what: string; readonly trip: string; readonly at: number }

function linesOf(rows: CheckWorld['rows'], service: string, table: string): readonly Line[] {
  return rows(service, `SELECT what, trip, at FROM ${table} ORDER BY at`) as unknown as readonly Line[]
}

/** All that was done, of all trips. */
function told(rows: CheckWorld['rows']): ReadonlyMap<string, readonly Line[]> {
  const named = (house: string): readonly Line[] =>
    linesOf(rows, house, 'done').map((line) => ({ ...line, what: `${line.what} ${house}` }))
  const all = [...named('hotel'), ...named('flight'), ...linesOf(rows, 'agency', 'notes')]
  return Map.groupBy(
    all.toSorted((a, b) => a.at - b.at),
    ({ trip }) => trip,
  )
}

const states = (rows: CheckWorld['rows']): ReadonlyMap<string, string> =>
  new Map(rows('agency', 'SELECT id, state FROM dure_sagas').map(({ id, state }) => [String(id), String(state)]))

export function travelling(run: TripRun = soundTrip, between: Pick<Simulation, 'store'> = {}): Simulation {
  const memory: Memory = { tick: 0, begun: new Set() }
  return {
    system: (process) => agency(process, memory, run),
    ...between,
    replicas: { agency: 2 },
    load: {
      duration: DURATION,
      clients: 3,
      pause: 700,
      step: async ({ client, random, user, number, sleep }) => {
        const trip = `${user}-${number}`
        await client(Agency).book({ trip }, { timeout: 3_000 })
        memory.begun.add(trip)
        await sleep(random.integer(PATIENCE + 500))
        if (random.number() < 0.3) return
        await client(Agency)
          .pay({ trip }, { timeout: 3_000 })
          .catch((thrown: unknown) => {
            if (!(thrown instanceof CallError) || thrown.code !== 'FAILED_PRECONDITION') throw thrown
            sometimes('a payment came too late')
          })
      },
    },
    invariants: {
      [ENDS]: async ({ rows, sleep }) => {
        const open = (): readonly string[] =>
          rows(
            'agency',
            "SELECT id, state, reason FROM dure_sagas WHERE ended_at IS NULL OR state NOT IN ('completed', 'compensated')",
          ).map(({ id, state, reason }) => `${id} is ${state}: ${reason}`)
        // Those that wait for a payment wait for it only.
        for (let looks = 0; open().length > 0 && looks < 50; looks++) await sleep(500)
        assert.deepEqual(open(), [])
        for (const trip of memory.begun) assert.ok(states(rows).has(trip), `trip "${trip}" was begun`)
      },
      [ONCE]: ({ rows }) => {
        for (const [trip, lines] of told(rows)) {
          const whats = lines.map(({ what }) => what).toSorted()
          assert.deepEqual(whats, [...new Set(whats)], `trip "${trip}"`)
        }
      },
      [WHOLE]: ({ rows }) => {
        for (const [trip, state] of states(rows)) {
          const whats = new Set(
            told(rows)
              .get(trip)
              ?.map(({ what }) => what),
          )
          const left = ['hotel', 'flight'].filter((house) => whats.has(`reserve ${house}`) && !whats.has(`cancel ${house}`))
          const noted = whats.has('booked') && !whats.has('unbooked')
          sometimes(state === 'completed' ? 'a trip was booked' : 'a trip was undone')
          if (state === 'completed')
            assert.deepEqual([left, noted, whats.has('issued')], [['hotel', 'flight'], true, true], `trip "${trip}"`)
          else assert.deepEqual([left, noted], [[], false], `trip "${trip}"`)
        }
      },
      [REVERSE]: ({ rows }) => {
        for (const [trip, lines] of told(rows)) {
          const undone = lines.filter(({ what }) => what.startsWith('cancel') || what.startsWith('un')).map(({ what }) => what)
          const done = ['unissued', 'unbooked', 'cancel flight', 'cancel hotel']
          assert.deepEqual(
            undone,
            done.filter((what) => undone.includes(what)),
            `trip "${trip}"`,
          )
        }
      },
      [OVER]: ({ rows }) => {
        const awake = rows(
          'agency',
          'SELECT id FROM dure_sagas WHERE ended_at IS NOT NULL AND (due_at IS NOT NULL OR owner IS NOT NULL)',
        )
        assert.deepEqual(awake, [])
      },
    },
    expects: ['a trip was booked', 'a trip was undone', 'a payment came too late'],
  }
}
