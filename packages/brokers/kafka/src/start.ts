import { CallError } from 'dure/contract'
import type { Logger } from 'dure/telemetry'
import type { Cluster } from './cluster.ts'

/** The first version of the Fetch request that Kafka 3.5 brought. */
const FETCH_OF_3_5 = 15
const BROKER = 4

/** Looks at the brokers before anything is done with them, and says what about their settings may lose messages. */
export async function checkBrokers(cluster: Cluster, log: Logger, replication: number): Promise<void> {
  const { admin, where } = cluster
  const apis = await admin.listApis()
  const fetch = apis.find(({ name }) => name === 'Fetch')
  if ((fetch?.maxVersion ?? 0) < FETCH_OF_3_5)
    throw new CallError('FAILED_PRECONDITION', `Cannot use Kafka at ${where}: it is older than 3.5; use 3.5 or newer`, {
      inside: true,
    })
  const { brokers } = await admin.metadata({ topics: [], forceUpdate: true })
  const [first] = brokers.keys()
  const resource = { resourceType: BROKER, resourceName: String(first), configurationKeys: null }
  const described = await admin.describeConfigs({ resources: [{ ...resource, resourceType: BROKER }] }).catch(() => undefined)
  if (described === undefined) {
    log.info('The settings of the Kafka brokers may not be read by this user, and were not checked', { where })
    return
  }
  const settings = new Map(described[0]!.configs.map(({ name, value }) => [name, value]))
  const copies = replication > 0 ? replication : Number(settings.get('default.replication.factor'))
  const warn = (text: string): void => log.warn(text, { where, brokers: brokers.size })
  if (brokers.size > 1 && copies < 2)
    warn(
      'Topics are kept by one Kafka broker each: what is acknowledged is gone with it; set `replication`, or default.replication.factor, to 3',
    )
  if (copies > 1 && Number(settings.get('min.insync.replicas')) < 2)
    warn(
      'Kafka acknowledges what one broker alone has (min.insync.replicas is 1): it is gone with that broker; set `inSync`, or min.insync.replicas, to 2',
    )
  if (settings.get('unclean.leader.election.enable') === 'true')
    warn(
      'A Kafka broker that has not everything may become leader (unclean.leader.election.enable): acknowledged messages may be lost; set it to false',
    )
}
