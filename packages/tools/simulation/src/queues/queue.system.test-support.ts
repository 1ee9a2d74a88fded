/** Slow work from a queue: delayed or not, with several at it, some of which fail, hang or can never be done. */
import assert from 'node:assert/strict'
import { CallError } from 'dure/contract'
import { sometimes, type CheckWorld, type Simulation } from '../simulation.ts'
import { Desk, PRESSES, Print, printing } from './queue-services.test-support.ts'

const PRINTERS: readonly string[] = ['red', 'green', 'blue']
/** Milliseconds: most work is due at once. */
const DELAYS: readonly number[] = [0, 0, 0, 150, 3_000, 30_000]

export const simulation = (): Simulation => {
  const accepted = new Set<string>()
  return {
    system: printing,
    load: {
      duration: 15_000,
      clients: 3,
      pause: 700,
      step: async ({ client, random, user, number, sleep }) => {
        const job = {
          jobId: `${user}-${number}`,
          printer: PRINTERS[random.integer(PRINTERS.length)]!,
          slow: random.integer(4) * 500,
          jams: random.number() < 0.05,
          delay: DELAYS[random.integer(DELAYS.length)]!,
        }
        // A user who is not answered asks again; the job is the same.
        for (let attempt = 1; ; attempt++) {
          try {
            await client(Desk).order(job, { timeout: 3_000 })
            break
          } catch (error) {
            if (attempt === 4 || !(error instanceof CallError)) throw error
            await sleep(300)
          }
        }
        accepted.add(job.jobId)
      },
    },
    invariants: {
      'a job that was accepted is there': ({ rows }) => {
        const there = new Set(rows('desk', 'SELECT id FROM jobs').map(({ id }) => String(id)))
        for (const id of accepted) assert.ok(there.has(id), `job ${id} was accepted and is not there`)
      },
      'every job is done, or dead because it cannot be done': async (world) => {
        const { rows, sleep } = world
        // What died of the faults is tried again, as somebody would who has mended them; what then fails has no luck.
        for (let tries = 0; (await dead(world, 0)) > 0 && tries < 5; tries++) {
          sometimes('dead work was tried again')
          for (const press of PRESSES) await world.deadLetters(press)!.retry({ topic: Print.name })
          do await sleep(1_000)
          while (!(await world.status()).quiet)
        }
        const open = rows('desk', 'SELECT id FROM jobs WHERE done = 0 AND jams = 0').map(({ id }) => id)
        assert.deepEqual(open, [], `jobs ${open.join()} are neither done nor dead`)
        const jammed = rows('desk', 'SELECT id FROM jobs WHERE jams = 1').length
        const found = await dead(world, 1)
        assert.equal(found, jammed, `${found} of ${jammed} jobs that jam are dead`)
        if (jammed > 0) sometimes('work died')
      },
      'no work comes before its delay is over': ({ rows }) => {
        for (const press of PRESSES) {
          // Over a restart the wall clock is believed, which counts whole milliseconds.
          for (const { job_id, early } of rows(press, 'SELECT job_id, early FROM printed WHERE early >= 1'))
            assert.fail(`job ${String(job_id)} came to ${press} ${String(early)} ms before its delay was over`)
        }
      },
      'no press prints a job twice': ({ rows }) => {
        for (const press of PRESSES) {
          const twice = rows(press, 'SELECT job_id FROM printed GROUP BY job_id HAVING count(*) > 1').map(({ job_id }) => job_id)
          assert.deepEqual(twice, [], `${press} printed jobs ${twice.join()} more than once`)
        }
      },
      'what is printed is told of once, and in order': ({ rows }) => {
        for (const press of PRESSES) {
          for (const printer of PRINTERS) {
            const printed = rows(press, 'SELECT job_id FROM printed WHERE printer = ?', [printer]).length
            const told = rows('desk', 'SELECT number FROM told WHERE press = ? AND printer = ? ORDER BY position', [
              press,
              printer,
            ])
            assert.deepEqual(
              told.map(({ number }) => Number(number)),
              Array.from({ length: printed }, (_, i) => i + 1),
              `letters of ${printer} by ${press}`,
            )
          }
        }
      },
    },
    expects: ['work took longer than it may', 'two presses had printed the same', 'work died', 'dead work was tried again'],
  }
}

/** How many jobs that jam, or that do not, are dead and not done. */
async function dead({ deadLetters, rows }: CheckWorld, jams: 0 | 1): Promise<number> {
  const open = new Set(rows('desk', 'SELECT id FROM jobs WHERE done = 0 AND jams = ?', [jams]).map(({ id }) => String(id)))
  const found = new Set<string>()
  for (const press of PRESSES) {
    for (const { id } of await deadLetters(press)!.list({ topic: Print.name, limit: 1_000 })) {
      const { message } = await deadLetters(press)!.show(id)
      const { jobId } = JSON.parse(message.data) as { jobId: string }
      // Both may have got it, when one of them died with it.
      if (open.has(jobId)) found.add(jobId)
    }
  }
  return found.size
}
