/** What a load needs, out of what was measured of a smaller one. */
export { compare } from './compare.ts'
export { measureLoad, type Measurement } from './measurement.ts'
export { modelOf, type CostModel } from './model.ts'
export { planFor } from './plan.ts'
export { readMeasurement } from './read.ts'
export { comparisonText, planText } from './text.ts'
