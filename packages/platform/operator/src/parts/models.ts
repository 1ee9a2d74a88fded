import { contract } from 'dure/contract'
import type { DoorHost } from 'dure/service'
import { z } from 'zod'
import { askExtensions, Silent, wideQuery, wideCommand } from '../across.ts'
import { operatorPart, type OperatorPart } from '../part.ts'

/** One building of a version. `behind`: messages that wait for it; `newest`: when the newest event that it has was published. */
const Build = z.object({
  ...{ service: z.string(), name: z.string(), build: z.number(), version: z.number() },
  state: z.enum(['serving', 'previous', 'building', 'ready', 'retired']),
  ...{ phase: z.enum(['starting', 'history', 'live']).optional(), events: z.number().optional() },
  ...{ behind: z.number().optional(), waiting: z.number().optional(), deadLetters: z.number().optional() },
  newest: z.number().optional(),
})
const Builds = z.object({ builds: z.array(Build), silent: Silent })
const service = z.string().optional().describe('needed where several services have one of that name')
const Which = z.object({ name: z.string(), service })

const Models = contract('models', {
  version: '1.0.0',
  owner: 'dure',
  description: 'Read models: each version is built in a store of its own beside the one that is served',
  operations: {
    list: wideQuery({
      ...{ input: z.object({ name: z.string().optional(), service }), output: Builds },
      description: 'Every build of every read model, and how far it is',
    }),
    rebuild: wideCommand({ input: Which, output: Builds, description: 'Builds it once more, beside what is served' }),
    switch: wideCommand({ input: Which, output: Builds, description: 'Serves the build that has caught up' }),
    back: wideCommand({ input: Which, output: Builds, description: 'Serves the build that was served before' }),
    retry: wideCommand({
      ...{ input: Which, output: z.object({ count: z.number(), silent: Silent }) },
      description: 'Gives the dead letters of all its builds a fresh set of tries',
    }),
  },
})

const act = ({ name }: { readonly name: string }) => ({ subject: name })

/** Read models of all services. */
export const models: OperatorPart = operatorPart({
  contract: Models,
  rules: { rebuild: { act }, switch: { act }, back: { act }, retry: { act } },
  answer: ({ host }) => ({
    list: (which) => builds(host, 'list', which),
    rebuild: (which) => builds(host, 'rebuild', which),
    switch: (which) => builds(host, 'switch', which),
    back: (which) => builds(host, 'back', which),
    retry: async (which) => {
      const { values, silent } = await ask<number>(host, 'retry', which)
      return { count: values.reduce((total, { value }) => total + value, 0), silent }
    },
  }),
})

type Wanted = { readonly name?: string | undefined; readonly service?: string | undefined }

function ask<T>(host: DoorHost, method: string, { name, service: of }: Wanted): ReturnType<typeof askExtensions<T>> {
  return askExtensions<T>(host, { kind: 'model', method, input: { name }, name, service: of })
}

async function builds(host: DoorHost, method: string, which: Wanted): Promise<z.infer<typeof Builds>> {
  const { values, silent } = await ask<readonly Omit<z.infer<typeof Build>, 'service'>[]>(host, method, which)
  const all = values.flatMap(({ service: of, value }) => value.map((build) => ({ ...build, service: of })))
  return { builds: which.name === undefined ? all : all.filter(({ name }) => name === which.name), silent }
}
