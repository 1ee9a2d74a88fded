import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { asLines, asUrl, type Place, type Recipe } from './recipe.ts'

/** One Kafka that is broker and controller. */
export const kafka: Recipe = {
  version: '4.4.0',
  program: 'log4j-slf4j-impl-2.25.5.jar',
  ports: ['kafka', 'controller'],
  launch: (place) => {
    const { programs, directory } = place
    const [file, log] = [join(directory, 'server.properties'), join(directory, 'log4j2.xml')]
    writeFileSync(file, asLines(configuration(place), '='), { mode: 0o600 })
    writeFileSync(log, LOG)
    // Others are named beforehand, or none is known yet.
    const standalone = 'controller.quorum.voters' in place.settings ? '' : '--standalone '
    const java = `java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile='${log}' -cp '${programs}/*'`
    const format = `${java} kafka.tools.StorageTool format ${standalone}--cluster-id ${CLUSTER} --config '${file}' && `
    const formatted = existsSync(join(directory, 'data', 'meta.properties'))
    return {
      command: '/bin/sh',
      words: ['-c', `${formatted ? '' : format}exec ${java} kafka.Kafka '${file}'`],
      folder: directory,
    }
  },
  url: (place) => asUrl('kafka', place),
  ready: /Kafka Server started/,
}

/** Any id does: it is alone. */
const CLUSTER = 'ZHVyZS1sb2NhbC1zZXJ2ZQ'

function configuration({ directory, ports, settings, account }: Place): Place['settings'] {
  const listener = account === undefined ? 'PLAINTEXT' : 'SASL_PLAINTEXT'
  const own = `${listener}://127.0.0.1:${ports['kafka']}`
  const controller = `127.0.0.1:${ports['controller']}`
  return {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.bootstrap.servers': controller,
    'controller.listener.names': 'CONTROLLER',
    listeners: `${own},CONTROLLER://${controller}`,
    'advertised.listeners': own,
    'inter.broker.listener.name': listener,
    'listener.security.protocol.map': `CONTROLLER:PLAINTEXT,${listener}:${listener}`,
    ...(account && {
      'sasl.enabled.mechanisms': 'PLAIN',
      'sasl.mechanism.inter.broker.protocol': 'PLAIN',
      'listener.name.sasl_plaintext.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required username="${account.name}" password="${account.password}" user_${account.name}="${account.password}";`,
    }),
    'log.dirs': join(directory, 'data'),
    // It is alone.
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    // The first member of a group need not wait for others.
    'group.initial.rebalance.delay.ms': 0,
    ...settings,
  }
}

const LOG = `<Configuration>
  <Appenders><Console name="out"><PatternLayout pattern="%d %p %c %m%n"/></Console></Appenders>
  <Loggers>
    <Root level="WARN"><AppenderRef ref="out"/></Root>
    <Logger name="kafka.server" level="INFO"/>
    <Logger name="org.apache.kafka.server" level="INFO"/>
  </Loggers>
</Configuration>
`
