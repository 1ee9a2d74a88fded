import { memoryTarget } from './memory.test-support.ts'
import { targetConformance } from './target/target.conformance.ts'

targetConformance('a target in memory', async () => memoryTarget())
