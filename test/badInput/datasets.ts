import { arn, type Case, right } from './shop.ts'

const invalid = 'InvalidInputException'
const notFound = 'ResourceNotFoundException'
const inUse = 'ResourceInUseException'
const taken = 'ResourceAlreadyExistsException'

const groups: Case[] = [
  ['a slash in a name', 'CreateDatasetGroup', { name: 'a/b' }, invalid, /'a\/b' at 'name'/],
  ['no domain of AWS', 'CreateDatasetGroup', { name: 'x', domain: 'x' }, invalid, /at 'domain'/],
  ['no role', 'CreateDatasetGroup', { name: 'x', roleArn: 'me' }, invalid, /'me' at 'roleArn'/],
  [
    'a role without a key',
    'CreateDatasetGroup',
    { name: 'x', roleArn: right.import.roleArn },
    invalid,
    /A roleArn is only valid with a kmsKeyArn; give both or leave it out/,
  ],
  ['a name that is taken', 'CreateDatasetGroup', { name: 'shop' }, taken, /dataset-group\/shop/],
  [
    'a tag key twice',
    'CreateDatasetGroup',
    { name: 'x', tags: [1, 2].map((n) => ({ tagKey: 'k', tagValue: `${n}` })) },
    invalid,
    /tag key k is given twice/,
  ],
  [
    'a tag key of AWS',
    'CreateDatasetGroup',
    { name: 'x', tags: [{ tagKey: 'aws:x', tagValue: '' }] },
    invalid,
    /aws:x/,
  ],
  [
    'an unknown group',
    'DescribeDatasetGroup',
    { datasetGroupArn: arn('dataset-group', 'nope') },
    notFound,
    /dataset-group\/nope does not exist/,
  ],
  [
    'a group with solutions',
    'DeleteDatasetGroup',
    { datasetGroupArn: arn('dataset-group', 'shop') },
    inUse,
    /in use by the solution .*solution\/(items|attributes)\. Delete that first\./,
  ],
  [
    'an unknown group',
    'DeleteDatasetGroup',
    { datasetGroupArn: arn('dataset-group', 'nope') },
    notFound,
    /The given dataset group does not exist: .*dataset-group\/nope/,
  ],
]

const datasets: Case[] = [
  ['nothing', 'CreateDataset', {}, invalid, /^4 validation errors detected: /],
  [
    'no dataset type of AWS',
    'CreateDataset',
    { ...right.dataset, datasetType: 'Sales' },
    invalid,
    /Sales.*Interactions/i,
  ],
  [
    'an unknown group',
    'CreateDataset',
    { ...right.dataset, datasetGroupArn: arn('dataset-group', 'nope') },
    notFound,
    /The given dataset group does not exist: /,
  ],
  [
    'an unknown schema',
    'CreateDataset',
    { ...right.dataset, schemaArn: arn('schema', 'nope') },
    notFound,
    /The given schema does not exist: /,
  ],
  [
    'a schema for another type',
    'CreateDataset',
    { ...right.dataset, schemaArn: arn('schema', 'shop-Users') },
    invalid,
    /describes USERS; a dataset of type INTERACTIONS needs a schema for INTERACTIONS/,
  ],
  [
    'a schema of a domain in a custom group',
    'CreateDataset',
    { ...right.dataset, schemaArn: arn('schema', 'watched') },
    invalid,
    /VIDEO_ON_DEMAND.*custom one/,
  ],
  [
    'a custom schema in a group of a domain',
    'CreateDataset',
    { ...right.dataset, datasetGroupArn: arn('dataset-group', 'videos') },
    invalid,
    /must be of that domain too/,
  ],
  [
    'actions in a group of a domain',
    'CreateDataset',
    { ...right.dataset, datasetType: 'Actions', datasetGroupArn: arn('dataset-group', 'videos') },
    invalid,
    /has the domain VIDEO_ON_DEMAND, and domain dataset groups take no ACTIONS dataset/,
  ],
  [
    'a second dataset of one type',
    'CreateDataset',
    { ...right.dataset, datasetGroupArn: arn('dataset-group', 'shop') },
    taken,
    /dataset\/shop\/INTERACTIONS already exists/,
  ],
  [
    'an unknown dataset',
    'DescribeDataset',
    { datasetArn: arn('dataset', 'shop/ACTIONS') },
    notFound,
    /shop\/ACTIONS/,
  ],
  [
    'Interactions cannot be updated',
    'UpdateDataset',
    { datasetArn: arn('dataset', 'shop/INTERACTIONS'), schemaArn: right.dataset.schemaArn },
    invalid,
    /only USERS and ITEMS datasets can be updated/,
  ],
  [
    'a schema for another type',
    'UpdateDataset',
    { datasetArn: arn('dataset', 'shop/USERS'), schemaArn: arn('schema', 'shop-Items') },
    invalid,
    /describes ITEMS/,
  ],
  [
    'a schema that drops a field',
    'UpdateDataset',
    { datasetArn: arn('dataset', 'shop/USERS'), schemaArn: arn('schema', 'ages') },
    invalid,
    /MEMBERSHIP/,
  ],
  [
    'an unknown schema',
    'UpdateDataset',
    { datasetArn: arn('dataset', 'shop/USERS'), schemaArn: arn('schema', 'nope') },
    notFound,
    /The given schema does not exist/,
  ],
  [
    'a dataset that filters need',
    'DeleteDataset',
    { datasetArn: arn('dataset', 'shop/USERS') },
    inUse,
    /^The dataset .*dataset\/shop\/USERS is in use by the filter .*filter\/\w+\. Delete that/,
  ],
  [
    'an unknown dataset',
    'DeleteDataset',
    { datasetArn: arn('dataset', 'empty/USERS') },
    notFound,
    /empty\/USERS does not exist/,
  ],
]

const imports: Case[] = [
  [
    'no bucket',
    'CreateDatasetImportJob',
    { ...right.import, dataSource: { dataLocation: 's3://' } },
    invalid,
    /at 'dataSource.dataLocation'/,
  ],
  [
    'no S3 location',
    'CreateDatasetImportJob',
    { ...right.import, dataSource: { dataLocation: 'file:///etc/passwd' } },
    invalid,
    /at 'dataSource.dataLocation'/,
  ],
  [
    'no location',
    'CreateDatasetImportJob',
    { ...right.import, dataSource: undefined },
    invalid,
    /Value null at 'dataSource'/,
  ],
  [
    'no role',
    'CreateDatasetImportJob',
    { ...right.import, roleArn: 'arn:aws:iam::1:user/x' },
    invalid,
    /at 'roleArn'/,
  ],
  [
    'a source without a location',
    'CreateDatasetImportJob',
    { ...right.import, dataSource: {} },
    invalid,
    /dataSource\.dataLocation is missing: name an object, or a folder that ends in \//,
  ],
  [
    'no import mode of AWS',
    'CreateDatasetImportJob',
    { ...right.import, importMode: 'HALF' },
    invalid,
    /'HALF' at 'importMode' .*\[FULL, INCREMENTAL\]/,
  ],
  [
    'an unknown dataset',
    'CreateDatasetImportJob',
    { ...right.import, datasetArn: arn('dataset', 'empty/USERS') },
    notFound,
    /The given dataset does not exist: /,
  ],
  [
    'a name that is taken',
    'CreateDatasetImportJob',
    { ...right.import, jobName: 'shop-Users' },
    taken,
    /dataset-import-job\/shop-Users already exists/,
  ],
  [
    'an unknown job',
    'DescribeDatasetImportJob',
    { datasetImportJobArn: arn('dataset-import-job', 'nope') },
    notFound,
    /dataset-import-job\/nope/,
  ],
]

/** What is wrong with dataset groups, datasets and imports. */
export const datasetCases: Case[] = [...groups, ...datasets, ...imports]
