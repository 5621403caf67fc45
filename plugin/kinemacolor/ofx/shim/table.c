/* The parameter table, as data. */
#include "parameters.h"

#include "table.h"
