import { command, contract, query } from 'dure/contract'
import { z } from 'zod'
import { operatorPart, type OperatorPart } from '../part.ts'

const Level = z.enum(['debug', 'info', 'warn', 'error'])
/** Of one copy; `until`: when it is `usual` again, in milliseconds since the epoch. */
const CopyLevel = z.object({
  ...{ service: z.string(), copy: z.string(), level: Level, usual: Level },
  until: z.number().optional(),
})
const Levels = z.object({ levels: z.array(CopyLevel) })
const of = z.string().describe('a service, or one copy of it: orders, orders#2')
const seconds = z.number().positive().max(60).default(10).describe('for how long')
/** Milliseconds: what is asked for is answered when it has been looked at for long enough. */
const deadline = 120_000

const Frame = z.object({ name: z.string(), file: z.string(), line: z.int(), column: z.int() })
/** `at`: milliseconds since the epoch when it began; `ms`: for how long nothing else ran; `stack`: where it was, innermost first. */
const Stall = z.object({ at: z.number(), ms: z.number(), stack: z.array(Frame) })

const Diagnostics = contract('diagnostics', {
  version: '1.0.0',
  owner: 'dure',
  description: 'Looking into processes while they run, and how much they log',
  operations: {
    levels: query({ output: Levels, description: 'From which level on each copy of each service logs' }),
    setLevel: command({
      input: z.object({ of, level: Level, seconds: z.number().positive().max(86_400).default(600) }),
      ...{ output: Levels, description: 'Has a service log more, or less, for a while; then it is as before by itself' },
    }),
    profile: command({
      input: z.object({ of, kind: z.enum(['cpu', 'heap']).default('cpu'), seconds }),
      output: z.object({ copy: z.string(), profile: z.string() }),
      ...{ deadline, description: 'What the process did, or which code took memory: JSON that Chrome’s developer tools open' },
    }),
    stalls: command({
      input: z.object({ of, seconds, threshold: z.number().min(20).default(100).describe('milliseconds') }),
      output: z.object({ copy: z.string(), stalls: z.array(Stall) }),
      ...{ deadline, description: 'What kept the event loop of the process from all else, and where that was' },
    }),
  },
})

/** Log levels, profiles and stalls. */
export const diagnostics: OperatorPart = operatorPart({
  contract: Diagnostics,
  rules: { setLevel: { act: 'own' }, profile: { act: 'own' }, stalls: { act: 'own' } },
  answer: ({ host }) => {
    const look = host.diagnostics
    return {
      levels: async () => ({ levels: [...(await look.levels())] }),
      setLevel: async ({ of, level, seconds }, { name: by, reason }) => ({
        levels: [...(await look.setLevel({ of, level, ms: seconds * 1_000, by, reason }))],
      }),
      profile: ({ of, kind, seconds }, { name: by, reason }) => look.profile({ of, kind, ms: seconds * 1_000, by, reason }),
      stalls: async ({ of, seconds, threshold }, { name: by, reason }) => {
        const { copy, stalls } = await look.stalls({ of, ms: seconds * 1_000, threshold, by, reason })
        return { copy, stalls: stalls.map(({ stack, ...stall }) => ({ ...stall, stack: [...stack] })) }
      },
    }
  },
})
