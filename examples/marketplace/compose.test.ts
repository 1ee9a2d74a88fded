import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { KINDS } from './brokers.ts'

/** The text of each service. */
const services = new Map(
  readFileSync(new URL('compose.yaml', import.meta.url), 'utf8')
    .split(/^ {2}(?=[a-z]+:$)/m)
    .slice(1)
    .map((text) => [text.slice(0, text.indexOf(':')), text]),
)

test('every broker that the marketplace takes is there, listens on loopback only, and keeps its data', () => {
  // The image of ActiveMQ Classic lacks the plugin for statistics, which its adapter needs; Artemis is its other server.
  for (const kind of KINDS.filter((name) => name !== 'activemq'))
    assert.ok(services.has(kind), `${kind} among ${[...services.keys()].join(', ')}`)
  for (const [name, text] of services) {
    const ports = /^ {4}ports: \[(.*)\]$/m.exec(text)?.[1]?.split(', ') ?? []
    assert.ok(ports.length > 0, `ports of ${name}`)
    for (const port of ports) assert.match(port, /^'127\.0\.0\.1:\d+:\d+'$/)
    assert.match(text, new RegExp(`^ {4}volumes: \\['${name}:/`, 'm'))
  }
})

test('no two of them want the same port', () => {
  const ports = [...services.values()].flatMap((text) => [...text.matchAll(/'127\.0\.0\.1:(\d+):/g)].map(([, port]) => port))
  assert.deepEqual(ports, [...new Set(ports)])
})

test('what is acknowledged is on the disk, and what adapters refuse is not there', () => {
  for (const [name, setting] of [
    ['nats', /sync_interval: always/],
    ['nats', /max_payload: 4MB/],
    ['redis', /--appendonly yes --appendfsync always .*--maxmemory-policy noeviction/],
    ['kafka', /KAFKA_LOG_FLUSH_INTERVAL_MESSAGES: 1$/m],
    ['rabbitmq', /\[rabbitmq_stream\]\..* > \/etc\/rabbitmq\/enabled_plugins/],
    ['rabbitmq', /stream\.advertised_host = 127\.0\.0\.1\\nstream\.advertised_port = 5552/],
  ] as const)
    assert.match(services.get(name)!, setting, name)
})
