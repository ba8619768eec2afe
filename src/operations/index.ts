import * as algorithm from './algorithm.ts'
import * as batchSegmentJob from './batchSegmentJob.ts'
import * as dataset from './dataset.ts'
import * as datasetGroup from './datasetGroup.ts'
import * as datasetImportJob from './datasetImportJob.ts'
import * as featureTransformation from './featureTransformation.ts'
import * as filter from './filter.ts'
import * as model from './model.ts'
import type { AnyOperation, Operation, OperationName } from './operation.ts'
import * as recipe from './recipe.ts'
import * as schema from './schema.ts'
import * as segment from './segment.ts'
import * as solution from './solution.ts'
import * as solutionVersion from './solutionVersion.ts'
import * as tags from './tags.ts'

type Table = { [Name in OperationName]?: Operation<Name> }

const table: Table = {
  CreateBatchSegmentJob: batchSegmentJob.createBatchSegmentJob,
  DescribeBatchSegmentJob: batchSegmentJob.describeBatchSegmentJob,
  ListBatchSegmentJobs: batchSegmentJob.listBatchSegmentJobs,
  CreateDataset: dataset.createDataset,
  DescribeDataset: dataset.describeDataset,
  ListDatasets: dataset.listDatasets,
  UpdateDataset: dataset.updateDataset,
  DeleteDataset: dataset.deleteDataset,
  CreateDatasetGroup: datasetGroup.createDatasetGroup,
  DescribeDatasetGroup: datasetGroup.describeDatasetGroup,
  ListDatasetGroups: datasetGroup.listDatasetGroups,
  DeleteDatasetGroup: datasetGroup.deleteDatasetGroup,
  CreateDatasetImportJob: datasetImportJob.createDatasetImportJob,
  DescribeDatasetImportJob: datasetImportJob.describeDatasetImportJob,
  ListDatasetImportJobs: datasetImportJob.listDatasetImportJobs,
  CreateFilter: filter.createFilter,
  DescribeFilter: filter.describeFilter,
  ListFilters: filter.listFilters,
  DeleteFilter: filter.deleteFilter,
  CreateSchema: schema.createSchema,
  DescribeSchema: schema.describeSchema,
  ListSchemas: schema.listSchemas,
  DeleteSchema: schema.deleteSchema,
  CreateSolution: solution.createSolution,
  DescribeSolution: solution.describeSolution,
  ListSolutions: solution.listSolutions,
  UpdateSolution: solution.updateSolution,
  DeleteSolution: solution.deleteSolution,
  CreateSolutionVersion: solutionVersion.createSolutionVersion,
  DescribeSolutionVersion: solutionVersion.describeSolutionVersion,
  ListSolutionVersions: solutionVersion.listSolutionVersions,
  StopSolutionVersionCreation: solutionVersion.stopSolutionVersionCreation,
  GetSolutionMetrics: solutionVersion.getSolutionMetrics,
  DescribeRecipe: recipe.describeRecipe,
  ListRecipes: recipe.listRecipes,
  DescribeAlgorithm: algorithm.describeAlgorithm,
  DescribeFeatureTransformation: featureTransformation.describeFeatureTransformation,
  TagResource: tags.tagResource,
  UntagResource: tags.untagResource,
  ListTagsForResource: tags.listTagsForResource,
  DescribeModel: model.describeModel,
  PreviewSegment: segment.previewSegment,
  ExplainSegment: segment.explainSegment,
  CompareSegments: segment.compareSegments,
}

/**
 * Every operation that is built, by AWS's name. What the contract has
 * and this table lacks answers 501.
 */
export const operations = table as Record<string, AnyOperation>
