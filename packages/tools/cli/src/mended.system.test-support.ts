import type { System } from 'dure/service'
import { shop } from './incident.test-support.ts'

export { simulation } from './incident.test-support.ts'

const mended: System = shop({ mended: true })
export default mended
