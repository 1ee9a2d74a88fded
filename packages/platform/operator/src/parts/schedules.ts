import { CallError, contract } from 'dure/contract'
import type { ScheduleDecision, ScheduleReading } from 'dure/schedule'
import type { DoorHost } from 'dure/service'
import { z } from 'zod'
import { askExtension, askExtensions, Silent, wideQuery, wideCommand } from '../across.ts'
import { operatorPart, type OperatorContext, type OperatorPart } from '../part.ts'

const LastRun = z.object({
  ...{ tick: z.number(), began: z.number(), missed: z.number(), tries: z.number(), by: z.string().optional() },
  ...{ ended: z.number().optional(), outcome: z.string().optional(), error: z.string().optional() },
})
const Schedule = z.object({
  ...{ service: z.string(), name: z.string(), cron: z.string(), zone: z.string() },
  ...{ state: z.enum(['waiting', 'at work', 'paused', 'unknown']), next: z.number(), behind: z.boolean() },
  ...{ wanted: z.number().optional(), last: LastRun.optional() },
})
type Schedule = z.infer<typeof Schedule>
const Decision = z.object({
  ...{ schedule: z.string(), action: z.enum(['run', 'pause', 'resume']), at: z.number(), by: z.string(), reason: z.string() },
})
const service = z.string().optional().describe('needed where several services have one of that name')
const Which = z.object({ name: z.string(), service })

const Schedules = contract('schedules', {
  version: '1.0.0',
  owner: 'dure',
  description: 'Work at times of the clock',
  operations: {
    list: wideQuery({
      ...{ input: z.object({ service }), output: z.object({ schedules: z.array(Schedule), silent: Silent }) },
      description: 'What comes next, and how the last runs went',
    }),
    audit: wideQuery({
      input: z.object({ name: z.string().optional(), service }),
      output: z.object({ decisions: z.array(Decision), silent: Silent }),
      description: 'Who ran, paused or resumed what, latest first',
    }),
    run: wideCommand({ input: Which, output: Schedule, description: 'Runs one now, beside its ticks' }),
    pause: wideCommand({ input: Which, output: Schedule, description: 'Has ticks pass without a run' }),
    resume: wideCommand({ input: Which, output: Schedule, description: 'Has one go on with its next tick' }),
  },
})

/** Schedules of all services. */
export const schedules: OperatorPart = operatorPart({
  contract: Schedules,
  // The services write them down themselves.
  rules: { run: { reason: true, act: 'own' }, pause: { reason: true, act: 'own' }, resume: { reason: true, act: 'own' } },
  answer: ({ host }) => {
    const decide =
      (method: string) =>
      async ({ name, service: of }: z.infer<typeof Which>, { name: by, reason }: OperatorContext): Promise<Schedule> => {
        const owner = of ?? (await ownerOf(host, name))
        const input = { name, by, reason }
        const one = await askExtension<ScheduleReading>(host, owner, { kind: 'schedule', method, input })
        return shown(owner, one)
      }
    return {
      list: async ({ service: of }) => list(host, of),
      audit: async ({ name, service: of }) => {
        const question = { kind: 'schedule', method: 'audit', input: { name }, service: of }
        const { values, silent } = await askExtensions<readonly ScheduleDecision[]>(host, question)
        return { decisions: values.flatMap(({ value }) => value), silent }
      },
      run: decide('run'),
      pause: decide('pause'),
      resume: decide('resume'),
    }
  },
})

async function list(host: DoorHost, of?: string): Promise<{ schedules: Schedule[]; silent: Silent }> {
  const question = { kind: 'schedule', method: 'list', service: of }
  const { values, silent } = await askExtensions<readonly ScheduleReading[]>(host, question)
  return { schedules: values.flatMap(({ service: one, value }) => value.map((reading) => shown(one, reading))), silent }
}

const shown = (of: string, reading: ScheduleReading): Schedule => ({ service: of, ...reading }) as Schedule

/** The only service with such a schedule. */
async function ownerOf(host: DoorHost, name: string): Promise<string> {
  const { schedules: all } = await list(host)
  const owners = all.filter((one) => one.name === name).map((one) => one.service)
  if (owners.length === 1) return owners[0]!
  const names = all.map((one) => one.name).join(', ')
  const why =
    owners.length === 0 ? `there are ${names === '' ? 'none' : names}` : `${owners.join(', ')} have one; say which service`
  throw new CallError('NOT_FOUND', `Cannot find schedule "${name}": ${why}`)
}
