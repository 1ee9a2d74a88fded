import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { AclOperations, AclPermissionTypes, Admin, ResourcePatternTypes, ResourceTypes } from '@platformatic/kafka'
import { missingServer, serverPlaces, startLocalServer, type LocalServer } from '@dure/testing/servers'
import { CallError } from 'dure/contract'
import { createLogger } from 'dure/telemetry'
import type { KafkaOptions } from './kafka.ts'
import { freePorts, messageOf, openBroker, QUICK_GROUPS, until } from './server.test-support.ts'

const SECRET = 'correct-horse'

describe('kafka lets in', { skip: missingServer('kafka'), timeout: 120_000 }, () => {
  const lines: string[] = []
  const log = createLogger({ write: (line: string) => void lines.push(line), level: 'debug' } as never)
  let server: LocalServer
  let open = ''
  let guarded = ''

  before(async () => {
    const [all, own, controller] = await freePorts(3)
    const listeners = `PLAINTEXT://127.0.0.1:${all},USERS://127.0.0.1:${own}`
    server = await startLocalServer('kafka', {
      ports: [all!, controller!],
      settings: {
        ...QUICK_GROUPS,
        listeners: `${listeners},CONTROLLER://127.0.0.1:${controller}`,
        'advertised.listeners': listeners,
        'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,USERS:SASL_PLAINTEXT',
        'listener.name.users.sasl.enabled.mechanisms': 'SCRAM-SHA-256,SCRAM-SHA-512',
        ...Object.fromEntries(
          ['256', '512'].map((bits) => [
            `listener.name.users.scram-sha-${bits}.sasl.jaas.config`,
            'org.apache.kafka.common.security.scram.ScramLoginModule required;',
          ]),
        ),
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users': 'User:ANONYMOUS',
      },
    })
    open = `127.0.0.1:${all}`
    guarded = `127.0.0.1:${own}`
    // It takes one kind at a time.
    for (const bits of ['256', '512']) {
      const words = ['--bootstrap-server', open, '--alter', '--entity-type', 'users', '--entity-name', 'ann']
      const secret = ['--add-config', `SCRAM-SHA-${bits}=[password=${SECRET}]`]
      const program = ['-cp', join(serverPlaces().kafka.folder, '*'), 'org.apache.kafka.tools.ConfigCommand']
      await promisify(execFile)('java', [...program, ...words, ...secret])
    }
    const admin = new Admin({ clientId: 'others', bootstrapBrokers: [open] })
    await admin.createAcls({
      creations: [
        ['TOPIC', 'mine.'],
        ['TOPIC', 'shared.'],
        ['GROUP', 'mine.'],
      ].map(([type, name]) => ({
        ...{
          resourceType: ResourceTypes[type as 'TOPIC'],
          resourceName: name!,
          resourcePatternType: ResourcePatternTypes.PREFIXED,
        },
        ...{ principal: 'User:ann', host: '*', operation: AclOperations.ALL, permissionType: AclPermissionTypes.ALLOW },
      })),
    })
    await admin.close()
  })
  after(() => server.close())

  const as = (prefix: string, password = SECRET, mechanism = 'SCRAM-SHA-256'): KafkaOptions => ({
    ...{ brokers: guarded, prefix, sasl: { mechanism: mechanism as 'SCRAM-SHA-256', username: 'ann', password } },
  })

  /** What it is refused with: its code, and words in which no secret is. */
  const refused = async (work: Promise<unknown>): Promise<string> => {
    const error: unknown = await work.then(
      () => undefined,
      (failure: unknown) => failure,
    )
    assert.ok(error instanceof CallError, String(error))
    assert.doesNotMatch([JSON.stringify(error), error.stack, String(error.cause)].join(), /correct-horse|hunter2/)
    return `${error.code} ${error.message}`
  }

  for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512'])
    test(`who logs in by ${mechanism}, and nobody with a wrong password`, async () => {
      const broker = await openBroker(as('mine.', SECRET, mechanism), log)
      const came: string[] = []
      await broker.subscribe({
        ...{ group: mechanism, topics: ['orders'] },
        deliver: async (batch) => void came.push(...batch.map(({ message }) => message.id)),
      })
      const message = messageOf('orders', 'a', 1)
      await broker.publish([message])
      await until(() => came.includes(message.id))
      await broker.stop()
      const wrong = await refused(openBroker(as('mine.', 'hunter2', mechanism), log))
      assert.match(wrong, /^UNAUTHENTICATED Cannot start: Kafka at 127\.0\.0\.1:\d+ says no: .*correct `sasl`/)
      assert.doesNotMatch(lines.join('\n'), /correct-horse|hunter2/)
    })

  test('nobody to what he may not use: the topic or the group is said, and what is to be allowed', async (t) => {
    const denied = await openBroker(as('theirs.'), log)
    t.after(() => denied.stop())
    const topic =
      /^PERMISSION_DENIED Cannot .*"?orders"?.* says no: the user may not use this topic; allow it \(ACL\) Read, Write/
    assert.match(await refused(denied.declareTopic('orders')), topic)
    assert.match(await refused(denied.publish([messageOf('orders', 'a', 1)])), topic)
    const half = await openBroker(as('shared.'), log)
    t.after(() => half.stop())
    await half.declareTopic('orders')
    const group = await refused(half.declareGroup({ group: 'g', topics: ['orders'] }))
    assert.match(group, /^PERMISSION_DENIED Cannot .*"g".* says no: the user may not use this group; allow it \(ACL\) Read/)
  })

  test('nobody by a way to log in that it does not know', async () => {
    const options = { ...as('mine.'), sasl: { mechanism: 'PLAIN', username: 'ann', password: SECRET } } as const
    assert.match(await refused(openBroker(options, log)), /^UNAUTHENTICATED .*choose another `sasl.mechanism`/)
  })
})
