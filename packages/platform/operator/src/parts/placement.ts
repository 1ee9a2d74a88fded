import { existsSync } from 'node:fs'
import { CallError, command, contract, query } from 'dure/contract'
import type { Placed, Supervisor } from 'dure/supervisor'
import { z } from 'zod'
import { operatorClient } from '../client.ts'
import { operatorPart, type OperatorContext, type OperatorPart } from '../part.ts'
import { socketPath } from '../socket.ts'

export type ProcessReading = {
  name: string
  pid?: number | undefined
  /** Of a thread, which has no process of its own. */
  thread?: number | undefined
  restarts: number
  /** Services, and `broker` and `doors`. */
  members: string[]
}
export const ProcessReading: z.ZodType<ProcessReading> = z.object({
  name: z.string(),
  pid: z.number().optional(),
  thread: z.number().optional(),
  restarts: z.number(),
  members: z.array(z.string()),
})

const PlaceRequest = z.object({
  service: z.string(),
  where: z.enum(['in', 'out']).describe('into the process of others, or into one of its own'),
  beside: z.string().optional().describe('a member of the process that is to take it in'),
})
const Between = z.array(z.object({ caller: z.string(), callee: z.string() }))
const Plan = z.object({
  ...{ service: z.string(), from: z.string(), to: z.string(), overlaps: z.boolean() },
  ...{ apart: Between, together: Between },
})
const Moved = z.object({ service: z.string(), from: z.string(), to: z.string(), ms: z.number(), away: z.number() })

/** Starting a process, and letting another one finish, takes as long as their programs make it. */
const deadline = 600_000

const Placement = contract('placement', {
  version: '1.0.0',
  owner: 'dure',
  description: 'Which service runs in which process of this host, and how many copies of it',
  operations: {
    report: query({ output: z.array(ProcessReading), description: 'Processes, with what runs in each' }),
    plan: query({ input: PlaceRequest, output: Plan, description: 'What a move would change, without making it' }),
    place: command({
      ...{ input: PlaceRequest, output: Moved, deadline },
      description: 'Moves a service to another process while all work; it stays there until the system is started anew',
    }),
    scale: command({
      input: z.object({ process: z.string().describe('without the number of a copy'), copies: z.int() }),
      ...{ output: z.array(ProcessReading), deadline },
      description: 'Runs so many copies of a process',
    }),
    replace: command({
      input: z.object({ names: z.array(z.string()).default([]).describe('default: all, one after the other') }),
      ...{ output: z.array(ProcessReading), deadline },
      description: 'Replaces processes by fresh ones of the same program, losing no call',
    }),
  },
})

/** What a supervisor can be asked. */
export type Servable = Pick<Supervisor, 'processes' | 'scale' | 'replace'>
export type SupervisorHost = { readonly supervisor: Servable; readonly placed: Placed | undefined }

/** As the supervisor of a directory answers it. Nobody is kept from mending a system because its audit log is away. */
export const supervised: OperatorPart<SupervisorHost> = operatorPart({
  contract: Placement,
  rules: {
    place: {
      urgent: true,
      act: ({ service, ...about }) => ({ action: 'service.place', subject: service, about }),
      tell: ({ from, to }) => ({ from, to }),
    },
    scale: {
      urgent: true,
      act: ({ process, copies }) => ({ action: 'service.scale', subject: process, about: { copies } }),
    },
    replace: { urgent: true, act: ({ names }) => ({ action: 'processes.replace', subject: names.join(' ') || 'all' }) },
  },
  answer: ({ supervisor, placed }: SupervisorHost) => {
    const need = (): Placed => {
      if (placed !== undefined) return placed
      const why = 'the program that supervises them does not say how they are placed'
      throw new CallError('UNIMPLEMENTED', `Cannot move services: ${why}`)
    }
    const report = (): ProcessReading[] => {
      const membersOf = (name: string): string[] => {
        const kind = name.split('#', 1)[0]
        return [...(placed?.groups().find((group) => group.name === kind)?.members ?? [])]
      }
      return supervisor.processes().map((one) => ({ ...one, members: membersOf(one.name) }))
    }
    return {
      report,
      plan: (request) => structuredClone(need().plan(request)) as z.infer<typeof Plan>,
      place: (request) => need().place(request),
      scale: async ({ process, copies }) => {
        await supervisor.scale(process, copies)
        return report()
      },
      replace: async ({ names }) => {
        await supervisor.replace(names.length === 0 ? undefined : names)
        return report()
      },
    }
  },
})

/** The same from a process of the system: the supervisor answers, and writes down who it was. */
export const placement: OperatorPart = operatorPart({
  contract: Placement,
  rules: { place: { act: 'own' }, scale: { act: 'own' }, replace: { act: 'own' } },
  answer: ({ world }) => {
    const need = (): Supervision => {
      const found = supervisorOf(world.directory)
      if (found !== undefined) return found
      throw new CallError(
        'FAILED_PRECONDITION',
        `Cannot see the processes on "${world.directory}": no supervisor runs there; start the system with --split`,
      )
    }
    return {
      report: (_, context) => need().report(context),
      plan: (input, context) => need().ask('plan', input, context),
      place: (input, context) => need().ask('place', input, context),
      scale: (input, context) => need().ask('scale', input, context),
      replace: (input, context) => need().ask('replace', input, context),
    }
  },
})

type Supervision = {
  readonly report: (context: Pick<OperatorContext, 'signal'>) => Promise<ProcessReading[]>
  readonly ask: <T>(operation: string, input: unknown, context: OperatorContext) => Promise<T>
}

/** The supervisor of a data directory; undefined when none runs there. */
export function supervisorOf(directory: string): Supervision | undefined {
  const socket = socketPath(directory, 'supervisor')
  if (!existsSync(socket)) return undefined
  const client = operatorClient({ socket })
  return {
    report: ({ signal }) => client.call('placement', 'report', {}, { signal }),
    ask: (operation, input, { name, reason, signal }) => client.call('placement', operation, input, { by: name, reason, signal }),
  }
}
