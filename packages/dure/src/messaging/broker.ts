import type { Queues } from './queues.ts'
import type { Topics } from './topics.ts'

/** A broker that serves both ports: topics, which every group reads, and queues, whose work one receiver takes. */
export type Broker = Topics & Queues
