import type { ConfigRelease } from 'dure/config'
import { CallError, command, contract, query } from 'dure/contract'
import { z } from 'zod'
import { operatorPart, type OperatorPart } from '../part.ts'

const Value = z.object({
  value: z.union([z.string(), z.number(), z.boolean(), z.null()]).optional().describe('none of a secret'),
  ...{ from: z.string(), line: z.number().optional(), revision: z.string().optional() },
})
const Entry = Value.extend({
  ...{ key: z.string(), secret: z.boolean() },
  overrides: z.array(Value).describe('what it would be without that, in order'),
})
const Problem = z.object({
  ...{ key: z.string().optional(), why: z.string(), from: z.string().optional(), line: z.number().optional() },
})
const Status = z.object({
  ...{ version: z.number(), since: z.number() },
  sources: z.array(
    z.object({
      name: z.string(),
      freshness: z.union([
        z.object({ state: z.literal('fresh') }),
        z.object({ state: z.literal('stale'), since: z.number(), why: z.string() }),
      ]),
    }),
  ),
  refused: z
    .object({ since: z.number(), problems: z.array(Problem) })
    .optional()
    .describe('a change that was not taken'),
  entries: z.array(Entry),
  unknown: z.array(z.string()).describe('keys that no schema names'),
})

const Release = z.object({
  ...{ number: z.number(), since: z.number(), of: z.enum(['start', 'change', 'rollback']) },
  outcome: z.enum(['trying', 'released', 'rolled back', 'superseded']),
  by: z.string().optional().describe('none where the sources changed'),
  why: z.array(z.string()).optional().describe('of one that was rolled back'),
  to: z.number().optional().describe('of a rollback: the release whose settings count again'),
  keys: z.array(z.string()).describe('what it changed'),
})

const Settings = contract('settings', {
  version: '1.0.0',
  owner: 'dure',
  description: 'Settings of services: what they are, where each comes from, and changes of them',
  operations: {
    show: query({ output: Status, description: 'All of them, how fresh each source is, and a change that was refused' }),
    why: query({
      ...{ input: z.object({ key: z.string().describe('such as payment.timeout') }), output: Entry },
      description: 'Where one comes from, and what it would be without that',
    }),
    history: query({ output: z.array(Release), description: 'Changes since the system started, the last one first' }),
    rollback: command({
      input: z.object({ to: z.int().optional().describe('number of a release; default: the one before') }),
      output: Release,
      description: 'Has former settings count again in all processes',
    }),
    release: command({
      input: z.object({ now: z.boolean().default(false).describe('to all processes at once, without a look at the first') }),
      output: Release,
      description: 'Releases what the sources have, though it was rolled back',
    }),
  },
})

/** Settings, without their secrets. */
export const settings: OperatorPart = operatorPart({
  contract: Settings,
  // Releases tell the audit themselves.
  rules: { rollback: { act: 'own' }, release: { act: 'own' } },
  answer: ({ host }) => {
    const read = async (): Promise<z.infer<typeof Status>> =>
      structuredClone(await host.settings.status()) as z.infer<typeof Status>
    const shown = (release: ConfigRelease): z.infer<typeof Release> => structuredClone(release) as z.infer<typeof Release>
    return {
      show: read,
      why: async ({ key }) => {
        const { entries } = await read()
        const found = entries.find((one) => one.key === key)
        if (found !== undefined) return found
        throw new CallError('NOT_FOUND', `Nothing sets "${key}"; there are ${entries.length} settings`)
      },
      history: async () => (await host.settings.history()).map(shown),
      rollback: async ({ to }, { name: by, reason }) => shown(await host.settings.rollback({ to, by, reason })),
      release: async ({ now }, { name: by, reason }) => shown(await host.settings.release({ now, by, reason })),
    }
  },
})
