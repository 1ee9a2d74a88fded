import type { System } from 'dure/service'
import { shop } from './incident.test-support.ts'

export { simulation } from './incident.test-support.ts'

const broken: System = shop({ mended: false })
export default broken
