/** The pages that a reader follows, in this order. */
export const pages = [
  'README.md',
  ...[
    'schema',
    'datasetGroup',
    'dataset',
    'datasetImportJob',
    'solution',
    'solutionVersion',
    'filter',
    'batchSegmentJob',
    'model',
    'segment',
    'tags',
    'recipe',
  ].map((noun) => `docs/operations/${noun}.md`),
]
