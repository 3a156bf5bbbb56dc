"""Write the report's sections: each module what belongs to one question."""
