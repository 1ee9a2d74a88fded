/** Who may call whom: one service lets in another and nobody else, whatever the placement, and whatever the caller asks for. */
import { channel, contract, query, stream, type AnyContract } from 'dure/contract'
import { service, type Allow, type Service } from 'dure/service'
import { z } from 'zod'
import { caught, ORIGINS, readAll, type Calls, type Probe } from './probe.test-support.ts'

const Count = z.int()
const vault = contract('vault', {
  version: '1.0.0',
  owner: 'testing',
  operations: {
    open: query({ output: z.string() }),
    secret: query({ output: z.string(), scope: 'probe:read' }),
    follow: stream({ output: Count }),
    talk: channel({ incoming: Count, output: Count }),
  },
})
const through = (name: string) =>
  contract(name, {
    version: '1.0.0',
    owner: 'testing',
    operations: {
      open: query({ output: z.string() }),
      secret: query({ output: z.string() }),
      follow: stream({ output: Count }),
      talk: channel({ incoming: Count, output: Count }),
    },
  })
/** Is let in. */
const keeper = through('keeper')
/** Is not. */
const visitor = through('visitor')

export const Vault: AnyContract = vault
export const Keeper: AnyContract = keeper
export const Visitor: AnyContract = visitor

export function vaultServices(): readonly Service[] {
  const passing = (own: ReturnType<typeof through>): Service =>
    service(own, {
      needs: { vault },
      handlers: {
        open: (_input, { vault }) => vault.open(),
        secret: (_input, { vault }) => vault.secret(),
        follow: (_input, { vault }) => vault.follow(),
        talk: (_input, incoming, { vault }) => vault.talk(undefined, incoming),
      },
    })
  return [
    service(vault, {
      handlers: {
        open: (_input, { caller }) => `opened by ${caller ?? 'nobody'}`,
        secret: () => 'told',
        follow: async function* () {
          yield 1
        },
        talk: (_input, incoming) => incoming,
      },
    }),
    passing(keeper),
    passing(visitor),
  ]
}

/** All others may call each other, and be called from outside. */
export function allowOf(services: readonly Service[]): Allow {
  const names = services.map(({ contract }) => contract.name)
  return { ...Object.fromEntries(names.map((name) => [name, [...names, 'doors']])), vault: ['keeper'] }
}

const [reader = {}, stranger = {}] = ORIGINS

export const allowProbes: readonly Probe[] = [
  { name: 'a service calls one that lets it in', must: 'opened by keeper', run: ({ keeper }: Calls) => keeper.call('open') },
  { name: 'a service calls one that does not let it in', run: ({ visitor }) => caught(visitor.call('open')) },
  { name: 'a caller at the doors calls what lets in one service alone', run: ({ vault }) => caught(vault.call('open')) },
  {
    name: 'who is not let in asks on behalf of somebody who has the scope',
    run: ({ behalfOf }) => caught(behalfOf(reader).visitor.call('secret')),
  },
  {
    name: 'who is let in asks on behalf of somebody who has the scope, and of one who has not',
    run: async ({ behalfOf }) => [
      await caught(behalfOf(reader).keeper.call('secret')),
      await caught(behalfOf(stranger).keeper.call('secret')),
    ],
  },
  {
    name: 'streams and channels of a service that lets in one alone',
    run: async ({ keeper, visitor }) => [
      await readAll(keeper.stream('follow')),
      await readAll(visitor.stream('follow')),
      await readAll(keeper.channel('talk', undefined, [1, 2])),
      await readAll(visitor.channel('talk', undefined, [1, 2])),
    ],
  },
]
