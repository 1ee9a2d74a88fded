import { CallError, contract, query } from 'dure/contract'
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

const Settings = contract('settings', {
  version: '1.0.0',
  owner: 'dure',
  description: 'Settings of services as the process of this door has them: what they are, and where each comes from',
  operations: {
    show: query({ output: Status, description: 'All of them, how fresh each source is, and a change that was refused' }),
    why: query({
      ...{ input: z.object({ key: z.string().describe('such as payment.timeout') }), output: Entry },
      description: 'Where one comes from, and what it would be without that',
    }),
  },
})

/** Settings, without their secrets. */
export const settings: OperatorPart = operatorPart({
  contract: Settings,
  answer: ({ host }) => {
    const read = (): z.infer<typeof Status> => structuredClone(host.config()) as z.infer<typeof Status>
    return {
      show: read,
      why: ({ key }) => {
        const { entries } = read()
        const found = entries.find((one) => one.key === key)
        if (found !== undefined) return found
        throw new CallError('NOT_FOUND', `Nothing sets "${key}"; there are ${entries.length} settings`)
      },
    }
  },
})
