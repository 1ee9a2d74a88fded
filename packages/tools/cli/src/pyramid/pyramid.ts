/** The tests of a project in layers, from what is cheapest to ask to what is dearest, and what each layer caught and cost. */
export { LAYERS, pyramidOf, type Layer } from './layers.ts'
export { runLayer, type LayerResult } from './run.ts'
export { pyramidText, type Lang } from './text.ts'
