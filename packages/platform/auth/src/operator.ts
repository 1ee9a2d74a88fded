/** What operators ask of an authorization server, or do to it. */
import { CallError, command, contract, query } from 'dure/contract'
import { createActs } from 'dure/telemetry/internal'
import { operatorPart, type OperatorContext, type OperatorPart } from '@dure/operator'
import { z } from 'zod'
import type { Clients } from './clients.ts'
import type { Keys } from './keys.ts'
import type { Users } from './users.ts'

/** Milliseconds. Each change waits for its line in the audit log, some for a hash, on a machine that may be busy; and a person for them. */
const DEADLINE = 30_000
const change: typeof command = (options) => command({ deadline: DEADLINE, ...options })

const NAME = z.string().min(1).max(200)
const USER = z.object({ subject: z.string(), name: z.string(), roles: z.array(z.string()), disabled: z.boolean() })
const TEXT = z.union([z.string(), z.record(z.string(), z.string())])
const CLIENT = z.object({
  id: z.string(),
  name: TEXT.optional(),
  redirectUris: z.array(z.string()).optional(),
  postLogoutRedirectUris: z.array(z.string()).optional(),
  backchannelLogoutUri: z.string().optional(),
  clientCredentials: z.boolean().optional(),
  scopes: z.array(z.string()).optional(),
  roles: z.array(z.string()).optional(),
  trusted: z.boolean().optional(),
})
const KNOWN = CLIENT.extend({ confidential: z.boolean(), disabled: z.boolean(), configured: z.boolean() })
const KEY = z.object({ kid: z.string(), state: z.enum(['upcoming', 'signing', 'past']), signs: z.number() })
const named = z.object({ name: NAME })
const identified = z.object({ id: NAME })

const Auth = contract('auth', {
  version: '1.0.0',
  owner: 'dure',
  description: 'Who logs in, and what programs get tokens',
  operations: {
    // Who there is, is more than a viewer is to see.
    users: query({
      input: z.object({ after: z.string().optional(), limit: z.int().min(1).max(1_000).optional() }),
      output: z.array(USER),
      roles: ['operator'],
      description: 'Users in order of their names',
    }),
    addUser: change({
      input: z.object({ name: NAME, password: z.string(), roles: z.array(z.string()).optional() }),
      output: USER,
      description: 'Adds a user',
    }),
    setPassword: change({
      input: z.object({ name: NAME, password: z.string() }),
      description: 'Gives a user another password, and ends all their logins',
    }),
    setRoles: change({
      input: z.object({ name: NAME, roles: z.array(z.string()) }),
      description: 'Gives a user these roles, in place of those before',
    }),
    disableUser: change({ input: named, description: 'Lets a user log in no more, and ends all their logins' }),
    enableUser: change({ input: named, description: 'Lets a user log in again' }),
    logOut: change({ input: named, description: 'Ends all logins of a user' }),
    clients: query({ output: z.array(KNOWN), roles: ['operator'], description: 'Clients in order of their ids' }),
    addClient: change({
      input: CLIENT.extend({ confidential: z.boolean().optional() }),
      output: z.object({ client: KNOWN, secret: z.string().optional() }),
      description: 'Adds a client; its secret is told this once',
    }),
    disableClient: change({ input: identified, description: 'Gives a client no tokens any more' }),
    enableClient: change({ input: identified, description: 'Gives a client tokens again' }),
    keys: query({ output: z.array(KEY), description: 'Keys that tokens are signed with' }),
    rotateKeys: change({ output: KEY, description: 'Makes a key, which signs after a while' }),
  },
})

/** @param open throws where the server is not open in this process */
export function authPart(open: () => { readonly users: Users; readonly clients: Clients; readonly keys: Keys }): OperatorPart {
  return operatorPart({
    contract: Auth,
    rules: {
      ...{ addUser: OWN, setPassword: OWN, setRoles: OWN, disableUser: OWN, enableUser: OWN, logOut: OWN },
      addClient: { act: ({ id }) => ({ action: 'auth.client.add', subject: id }) },
      // Nobody goes on getting tokens because the audit log is away.
      disableClient: { urgent: true, act: ({ id }) => ({ action: 'auth.client.disable', subject: id }) },
      enableClient: { act: ({ id }) => ({ action: 'auth.client.enable', subject: id }) },
      rotateKeys: { act: () => ({ action: 'auth.keys.rotate', subject: 'auth' }), tell: ({ kid, signs }) => ({ kid, signs }) },
    },
    answer: ({ host, world }) => {
      const acts = createActs({ record: host.record, runtime: world.runtime, log: world.log })
      /** By their subject, which stays when the name is erased. */
      const onUser = async (
        act: { readonly action: string; readonly name: string; readonly urgent?: boolean },
        { name: actor, reason }: OperatorContext,
        work: (users: Users) => Promise<void>,
      ): Promise<void> => {
        const { users } = open()
        const user = await users.find(act.name)
        if (user === undefined) throw new CallError('NOT_FOUND', `There is no user "${act.name}"`)
        const personal = { name: user.name, ...(reason !== undefined && { reason }) }
        const write = act.urgent === true ? acts.along : acts.first
        await write({ action: `auth.user.${act.action}`, actor, subject: user.subject, personal }, () => work(users))
      }
      return {
        users: (page) =>
          open()
            .users.list(page as Parameters<Users['list']>[0])
            .then(writable),
        addUser: ({ name, password, roles }, { name: actor, reason }) => {
          const personal = { name, ...(reason !== undefined && { reason }) }
          const add = () => open().users.add({ name, password, ...(roles && { roles }) })
          const act = { action: 'auth.user.add', actor, subject: 'auth', personal }
          return acts.first(act, add, ({ subject }) => ({ user: subject })).then(writable)
        },
        setPassword: ({ name, password }, context) =>
          onUser({ action: 'set-password', name }, context, (users) => users.changePassword(name, password)),
        setRoles: ({ name, roles }, context) =>
          onUser({ action: 'set-roles', name }, context, (users) => users.changeRoles(name, roles)),
        disableUser: ({ name }, context) =>
          onUser({ action: 'disable', name, urgent: true }, context, (users) => users.disable(name)),
        enableUser: ({ name }, context) => onUser({ action: 'enable', name }, context, (users) => users.enable(name)),
        logOut: ({ name }, context) => onUser({ action: 'log-out', name, urgent: true }, context, (users) => users.logOut(name)),
        clients: () => open().clients.list().then(writable),
        addClient: (client) =>
          open()
            .clients.add(client as Parameters<Clients['add']>[0])
            .then(writable),
        disableClient: ({ id }) => open().clients.disable(id),
        enableClient: ({ id }) => open().clients.enable(id),
        keys: () => writable(open().keys.list()),
        rotateKeys: () => open().keys.rotate(),
      }
    },
  })
}

const OWN = { act: 'own' } as const

/** Answers of a contract are made of lists that may be changed. */
const writable = <T>(value: T): Writable<T> => value as Writable<T>
type Writable<T> = T extends readonly (infer Item)[]
  ? Writable<Item>[]
  : T extends object
    ? { -readonly [K in keyof T]: Writable<T[K]> }
    : T
