import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { asLines, asUrl, java, type Recipe } from './recipe.ts'

/** ActiveMQ Classic with its own store; speaks AMQP 1.0. */
export const activemq: Recipe = likeActiveMq('6.3.1', 'ActiveMq')

/** ActiveMQ Artemis, which creates queues as they are asked for; speaks AMQP 1.0. */
export const artemis: Recipe = likeActiveMq('2.44.0', 'Artemis')

/** They are libraries: the program is a few lines that put one together, compiled when it was installed. */
function likeActiveMq(version: string, program: string): Recipe {
  return {
    version,
    program: `${program}.class`,
    ports: ['amqp'],
    launch: ({ programs, directory, ports, settings, account }) => {
      const file = join(directory, 'server.properties')
      // Those of what clients connect to say so.
      const named = (name: string): string => (name.startsWith('connector.') ? name : `broker.${name}`)
      const own = Object.fromEntries(Object.entries(settings).map(([name, value]) => [named(name), value]))
      writeFileSync(file, asLines({ ...own, ...account, directory, port: ports['amqp']! }, '='), { mode: 0o600 })
      return { ...java(['-Xmx256m', '-cp', `${programs}:${programs}/*`, program, file]), folder: directory }
    },
    url: (place) => asUrl('amqp', place),
    ready: /^READY$/,
  }
}
