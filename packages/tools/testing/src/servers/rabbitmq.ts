import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DEBIAN, inDebian, INSIDE } from './debian.ts'
import { asLines, asUrl, type Recipe } from './recipe.ts'

/**
 * The daemon that Erlang would start for itself is nobody's child, and would stay. A node that does not find it at once
 * gives up, so it is waited for.
 */
const START = `
epmd &
until epmd -names > /dev/null 2>&1; do
  kill -0 $! || { echo "port $ERL_EPMD_PORT of epmd is in use"; exit 1; }
  sleep 0.05
done
exec /usr/lib/rabbitmq/bin/rabbitmq-server`

/** RabbitMQ with streams, and AMQP 1.0 beside its own 0.9.1. */
export const rabbitmq: Recipe = {
  version: '4.0.5',
  folder: DEBIAN,
  program: 'usr/lib/rabbitmq/bin/rabbitmq-server',
  ports: ['amqp', 'stream', 'epmd', 'distribution'],
  launch: ({ programs, directory, ports, settings, account }) => {
    const configuration = {
      'listeners.tcp.1': `127.0.0.1:${ports['amqp']}`,
      'stream.listeners.tcp.1': `127.0.0.1:${ports['stream']}`,
      'stream.advertised_host': '127.0.0.1',
      'stream.advertised_port': ports['stream']!,
      'log.console': true,
      'log.file': false,
      ...(account && { default_user: account.name, default_pass: account.password }),
      ...settings,
    }
    writeFileSync(join(directory, 'rabbitmq.conf'), asLines(configuration, ' = '), { mode: 0o600 })
    writeFileSync(join(directory, 'plugins'), '[rabbitmq_stream].\n')
    return inDebian({ programs, directory }, ['/bin/sh', '-c', START], {
      HOME: INSIDE,
      LANG: 'C.UTF-8',
      RABBITMQ_NODENAME: 'local@localhost',
      RABBITMQ_CONFIG_FILE: `${INSIDE}/rabbitmq.conf`,
      RABBITMQ_ENABLED_PLUGINS_FILE: `${INSIDE}/plugins`,
      RABBITMQ_MNESIA_BASE: `${INSIDE}/data`,
      RABBITMQ_LOG_BASE: `${INSIDE}/log`,
      RABBITMQ_PID_FILE: `${INSIDE}/pid`,
      RABBITMQ_DIST_PORT: String(ports['distribution']),
      ERL_EPMD_PORT: String(ports['epmd']),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      // Its folder would be that of the programs.
      ERL_CRASH_DUMP_SECONDS: '0',
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 2:2 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}',
    })
  },
  url: (place) => asUrl('amqp', place),
  ready: /completed with \d+ plugins/,
  passing: /eaddrinuse|address already in use|port \d+ .*in use|nodistribution/i,
}
